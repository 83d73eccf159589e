# Shared by the integration tests: runs the built program as a user would. Sourced with the path of gyrus as $1.
set -euo pipefail

gyrus=$(readlink -f "$1")
work=$(mktemp -d "${TMPDIR:-/tmp}/gyrus_integration.XXXXXX")
trap 'rm -rf "$work"' EXIT
cd "$work"
export GYRUS_CACHE=$work/cache
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}  # LibTorch divides sums among threads, so the last bits depend on how many there are

# A model of seconds on a small generated cohort.
tiny=(
  experiment=quickstart data.image_size='[32,32,16]'
  data.phantom.train_subjects=12 data.phantom.val_subjects=3 data.phantom.test_subjects=3
  trainer.max_samples=240 trainer.global_batch=8
  validation.every_samples=0 validation.pictures=1 checkpoint.every_samples=80
)

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

prepare_data() { "$gyrus" prepare "${tiny[@]}" "$@" >prepare.log 2>&1 || { cat prepare.log; fail "gyrus prepare"; }; }

# train RANKS RUN [override ...]: logs to RUN.log; returns the program's exit code.
train() {
  local ranks=$1 run=$2
  shift 2
  mpirun -np "$ranks" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/$run" "$@" >"$run.log" 2>&1
}

# column RUN KEY: the values of a key of the train lines, the last line of a step counting.
column() {
  grep '"kind":"train"' "runs/$1/metrics.jsonl" | sed -E "s/.*\"$2\":\"?([^,\"}]*)\"?[,}].*\"step\":([0-9]+).*/\2 \1/" |
    awk '{ value[$1] = $2; if ($1 > last) last = $1 } END { for (step = 1; step <= last; ++step) print step, value[step] }'
}

weights_digest() { "$gyrus" checkpoint ls "runs/$1" --json | grep -oE '"weights_digest": ?"[^"]*"' | tail -n 1 | cut -d '"' -f 4; }

wait_for_step() { # RUN STEP
  local steps
  for _ in $(seq 600); do
    steps=$(grep -c '"kind":"train"' "runs/$1/metrics.jsonl" 2>/dev/null || true)
    [ "${steps:-0}" -ge "$2" ] && return
    sleep 0.1
  done
  fail "run $1 did not come to step $2"
}

# ranks_of RUN: process ids of the training processes of a run, lowest rank first
ranks_of() { pgrep -f "^$gyrus train .*runs/$1( |\$)" | sort -n; }

# train_until STEP RANKS RUN [override ...]: stops the training with USR1 once it has done STEP steps
train_until() {
  local step=$1 run=$3 job
  shift
  train "$@" &
  job=$!
  wait_for_step "$run" "$step"
  for process in $(ranks_of "$run"); do kill -USR1 "$process"; done
  expect_code 85 wait $job
}

# expect_code CODE COMMAND...
expect_code() {
  local wanted=$1 code=0
  shift
  "$@" || code=$?
  [ "$code" = "$wanted" ] || fail "exit code $code instead of $wanted: $*"
}
