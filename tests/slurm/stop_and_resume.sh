#!/usr/bin/env bash
# A job that is warned midway writes a checkpoint, ends with 85, is queued again, resumes and completes; its weights equal those
# of an undisturbed run bit for bit.   stop_and_resume.sh GYRUS srun|mpirun
source "$(dirname "$0")/cluster_tests.sh"
launcher=$2

prepare_data
undisturbed=$(submit undisturbed submit.launcher="$launcher")
expect_completed "$undisturbed" 240

job=$(submit warned submit.launcher="$launcher")
wait_for 120 has_lines train warned 5
scancel --signal=USR1 --batch "$job"  # what --signal=B:USR1@N does near the time limit
wait_for 60 grep -q 'ended with exit code 85' runs/warned/slurm-"$job".out
expect_completed "$job" 240
[ "$(job_field "$job" Restarts)" = 1 ] || fail "restarted $(job_field "$job" Restarts) times instead of once"
[ "$(lines train warned)" -ge "$(lines train undisturbed)" ] || fail "the resumed run has fewer steps than the undisturbed one"

expected=$(weights_digest undisturbed)
actual=$(weights_digest warned)
echo "undisturbed $expected warned $actual"
[ "$actual" = "$expected" ] || fail "weights differ"
