#!/usr/bin/env bash
# Figures of the main job, as ratios within one run (machines are shared and noisy): run it on an idle machine with two cores or more.
#   bench.sh BUILD_FOLDER
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
repeats=5
warm_up=20 # steps at the start of a run that are left out

quietly() { "$@" >command.log 2>&1 || { cat command.log >&2; exit 1; }; }
# Validation on one brain: it is not what is measured.
quickstart=(experiment=quickstart data.phantom.val_subjects=1 data.phantom.test_subjects=1
  validation.every_samples=0 validation.pictures=0 checkpoint.every_samples=0 model.encoder.norm_group_samples=8)

# train RANKS RUN SAMPLES_PER_STEP
train() {
  quietly mpirun -np "$1" "$gyrus" train "${quickstart[@]}" run.dir="$work/$2" trainer.global_batch="$3" trainer.max_samples=$(($3 * 120))
}
# median RUN KEY: of a field of the train lines after the warm-up
median() {
  grep '"kind":"train"' "$1/metrics.jsonl" | tail -n +$((warm_up + 1)) | grep -oE "\"$2\":[0-9.e-]+" | cut -d: -f2 | sort -g |
    awk '{ value[NR] = $1 } END { print value[int((NR + 1) / 2)] }'
}
median_of() { printf '%s\n' "$@" | sort -g | sed -n "$((($# + 1) / 2))p"; }

quietly "$gyrus" prepare "${quickstart[@]}"
ratios=() exposed=() waits=()
for repeat in $(seq $repeats); do
  train 1 one$repeat 8
  train 2 two$repeat 16
  ratios+=("$(awk -v a="$(median one$repeat samples_per_second)" -v b="$(median two$repeat samples_per_second)" 'BEGIN { print 2 * a / b }')")
  exposed+=("$(awk -v s="$(median two$repeat sync)" -v b="$(median two$repeat samples_per_second)" 'BEGIN { print 100 * s * b / 16 }')")
  waits+=("$(awk -v d="$(median two$repeat data)" -v b="$(median two$repeat samples_per_second)" 'BEGIN { print 100 * d * b / 16 }')")
done
printf 'step time, 2 ranks / 1 rank, 8 samples per rank: %.3f   (all: %s)\n' "$(median_of "${ratios[@]}")" "${ratios[*]}"
printf 'exposed communication on 2 ranks: %.1f %% of the step   (PyTorch DDP with gloo on like cores: 4-8 %%)\n' "$(median_of "${exposed[@]}")"
printf 'wait for data on 2 ranks: %.2f %% of the step\n' "$(median_of "${waits[@]}")"

# Real heads, where they are: every volume, and again with nothing to do.
export GYRUS_DATA=${GYRUS_DATA:-$here/../shared/data}
if [ -d "$GYRUS_DATA" ]; then
  for pass in 'from nothing' 'again'; do
    start=$(date +%s.%N)
    quietly "$gyrus" prepare data=ixi_shared data.root="$work/real"
    printf 'gyrus prepare data=ixi_shared, %s: %.1f s\n' "$pass" "$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')"
  done
else
  echo "skipped: gyrus prepare data=ixi_shared, no $GYRUS_DATA"
fi

"$build/tests/benchmarks/loader_bench"
"$build/tests/benchmarks/growth_bench"
"$build/tests/benchmarks/config_bench" "$here/configs"
"$build/tests/benchmarks/noise_bench"
"$build/tests/benchmarks/evaluation_bench"

# Process start to the end of the first step: width 32, 32x32 slices, batch 2.
small=("${quickstart[@]}" data.image_size='[32,32,16]' data.root="$work/small" model.base_width=32 model.norm_groups=32
  trainer.global_batch=2 model.encoder.norm_group_samples=2)
quietly "$gyrus" prepare "${small[@]}"
starts=()
for repeat in $(seq $repeats); do
  start=$(date +%s.%N)
  "$gyrus" train "${small[@]}" run.dir="$work/first$repeat" trainer.max_samples=200000 >first.log 2>&1 &
  process=$!
  until grep -q '"kind":"train"' "$work/first$repeat/metrics.jsonl" 2>/dev/null; do
    kill -0 $process 2>/dev/null || { cat first.log >&2; exit 1; }
    sleep 0.01
  done
  starts+=("$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')")
  kill -USR1 $process
  wait $process || [ $? = 85 ]
done
printf 'process start to the end of the first step: %.2f s   (Hydra + Lightning 8.8 s, bare PyTorch 4.9 s on like cores)\n' "$(median_of "${starts[@]}")"
