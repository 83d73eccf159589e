#!/usr/bin/env bash
# Figures of the main job, as ratios within one run (machines are shared and noisy).   bench.sh BUILD_FOLDER
set -euo pipefail
build=$(readlink -f "$1")
here=$(readlink -f "$(dirname "$0")/../..")
. "$here/scripts/mpi_environment.sh"
export OMP_NUM_THREADS=1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GYRUS_CACHE=$work/cache
gyrus=$build/gyrus
"$gyrus" prepare experiment=quickstart >/dev/null 2>&1

# mean RUN KEY FIRST_STEP: mean of a field of the train lines from a step on
mean() {
  grep '"kind":"train"' "$work/$1/metrics.jsonl" | tail -n +"$3" | grep -oE "\"$2\":[0-9.e-]+" | cut -d: -f2 |
    awk '{ sum += $1; n++ } END { printf "%.6f", sum / n }'
}
train() { # RANKS RUN [override ...]
  local ranks=$1 run=$2
  shift 2
  mpirun -np "$ranks" "$gyrus" train experiment=quickstart validation.every_samples=0 checkpoint.every_samples=0 \
    data.phantom.val_subjects=1 run.dir="$work/$run" "$@" >"$run.log" 2>&1 || { cat "$run.log"; exit 1; }
}
seconds() { awk -v b="$(mean "$1" samples_per_second 20)" -v n="$2" 'BEGIN { printf "%.4f", n / b }'; }

"$gyrus" prepare experiment=quickstart data.phantom.val_subjects=1 data.root="$work/one" >/dev/null 2>&1
for repeat in 1 2; do
  train 1 one$repeat data.root="$work/one" trainer.global_batch=8 trainer.max_samples=800 model.encoder.norm_group_samples=8
  train 2 two$repeat data.root="$work/one" trainer.global_batch=16 trainer.max_samples=1600 model.encoder.norm_group_samples=8
  awk -v a="$(seconds one$repeat 8)" -v b="$(seconds two$repeat 16)" -v s="$(mean two$repeat sync 20)" -v d="$(mean two$repeat data 20)" 'BEGIN {
    printf "step, 8 samples per rank: 1 rank %.1f ms, 2 ranks %.1f ms, ratio %.3f\n", 1000 * a, 1000 * b, b / a
    printf "exposed communication on 2 ranks: %.1f %% of the step (PyTorch DDP with gloo on like cores: 4-8 %%)\n", 100 * s / b
    printf "wait for data on 2 ranks: %.2f %% of the step\n", 100 * d / b }'
done

"$build/tests/benchmarks/loader_bench" "$work/cache/phantom-48"

# Process start to the end of the first step: width 32, 32x32 slices, batch 2.
small=(data.image_size='[32,32,16]' data.root="$work/small" model.base_width=32 model.norm_groups=32 trainer.global_batch=2
  model.encoder.norm_group_samples=2)
"$gyrus" prepare experiment=quickstart "${small[@]}" >/dev/null 2>&1 || small=(model.base_width=32 model.norm_groups=32 trainer.global_batch=2 model.encoder.norm_group_samples=2)
for repeat in 1 2 3; do
  start=$(date +%s.%N)
  "$gyrus" train experiment=quickstart "${small[@]}" run.dir="$work/first$repeat" trainer.max_samples=2000 >/dev/null 2>&1 &
  process=$!
  until grep -q '"kind":"train"' "$work/first$repeat/metrics.jsonl" 2>/dev/null; do sleep 0.01; done
  end=$(date +%s.%N)
  kill -USR1 $process
  wait $process || true
  awk -v a="$start" -v b="$end" 'BEGIN { printf "process start to the end of the first step: %.2f s (Hydra + Lightning 8.8 s, bare PyTorch 4.9 s on like cores)\n", b - a }'
done
