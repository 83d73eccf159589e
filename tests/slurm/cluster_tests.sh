# Shared by the tests that run in a real SLURM (tests/support/slurm_ci.sh). Sourced with the path of gyrus as $1.
set -euo pipefail

gyrus=$(readlink -f "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/gyrus_slurm_test.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export OMP_NUM_THREADS=1

# A training run of seconds: enough steps to be interrupted in the middle.
tiny=(
  experiment=quickstart data.image_size='[32,32,16]'
  data.phantom.train_subjects=16 data.phantom.val_subjects=4 data.phantom.test_subjects=2
  data.root="$work/data"
  trainer.max_samples=640
  trainer.global_batch=8
  validation.every_samples=320
  checkpoint.every_samples=320
)
# Two nodes with two ranks each.
cluster=(submit.nodes=2 submit.tasks_per_node=2 submit.cpus_per_task=1 submit.time=00:10:00)

fail() {
  echo "FAILED: $*" >&2
  tail -n 40 "$work"/runs/*/slurm-*.out "$work"/sweep/slurm-*.out >&2 2>/dev/null || true
  squeue >&2
  exit 1
}

# prepare_data: once per test, before ranks of several jobs would do it at the same time.
prepare_data() { "$gyrus" prepare "${tiny[@]}" || fail "gyrus prepare"; }

# submit RUN_NAME [override ...]: prints the job's id.
submit() {
  local name=$1
  shift
  "$gyrus" submit "${tiny[@]}" "${cluster[@]}" run.dir="$work/runs/$name" "$@"
}

job_field() { scontrol show job "$1" | grep -o "$2=[^ ]*" | head -n 1 | cut -d= -f2; }

# wait_for SECONDS COMMAND...: until the command succeeds.
wait_for() {
  local deadline=$((SECONDS + $1))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$deadline" ] || fail "timed out waiting for: $*"
    sleep 0.2
  done
}

has_ended() { [[ $(job_field "$1" JobState) =~ ^(COMPLETED|FAILED|TIMEOUT|NODE_FAIL|CANCELLED)$ ]]; }

# expect_completed ID SECONDS
expect_completed() {
  wait_for "$2" has_ended "$1"
  [ "$(job_field "$1" JobState)" = COMPLETED ] || fail "job $1 ended as $(job_field "$1" JobState)"
}

# lines KIND RUN_NAME: how many lines of that kind the run's metrics.jsonl has.
lines() { { cat "$work/runs/$2/metrics.jsonl" 2>/dev/null || true; } | grep -cE "\"kind\": ?\"$1\"" || true; }
has_lines() { [ "$(lines "$1" "$2")" -ge "$3" ]; }

# Digest of the newest checkpoint's weights.
weights_digest() {
  "$gyrus" checkpoint ls "$work/runs/$1" --json | grep -oE '"weights_digest": ?"[^"]*"' | tail -n 1 | cut -d '"' -f 4 ||
    fail "run $1 has no checkpoint with a digest"
}
