#!/usr/bin/env bash
# The whole job ends within 10 s after one rank was killed, with a non-zero exit code.   kill_rank.sh GYRUS srun|mpirun
source "$(dirname "$0")/cluster_tests.sh"
launcher=$2

# Ranks, not the launcher or the batch shell whose command lines also hold these words.
ranks() {
  local process
  for process in /proc/[0-9]*; do
    if [ "$(readlink "$process/exe" 2>/dev/null)" = "$(readlink -f "$gyrus")" ]; then basename "$process"; fi
  done
}
no_ranks() { [ -z "$(ranks)" ]; }

prepare_data
job=$(submit run submit.launcher="$launcher" submit.requeue=false trainer.max_samples=1600000)
wait_for 120 has_lines train run 3
victim=$(ranks | tail -n 1)
kill -KILL "$victim"
killed_at=$SECONDS
wait_for 10 no_ranks
wait_for 10 has_ended "$job"
[ $((SECONDS - killed_at)) -le 10 ] || fail "the job took $((SECONDS - killed_at)) s to end"
[ "$(job_field "$job" JobState)" = FAILED ] || fail "the job ended as $(job_field "$job" JobState)"
