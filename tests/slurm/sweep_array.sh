#!/usr/bin/env bash
# A 2x2 sweep as one job array gives four results in one table.   sweep_array.sh GYRUS
source "$(dirname "$0")/cluster_tests.sh"

prepare_data
job=$("$gyrus" sweep "${tiny[@]}" submit.tasks_per_node=2 submit.time=00:10:00 sweep.launcher=slurm sweep.dir="$work/sweep" \
  trainer.max_samples=320 validation.every_samples=160 noise.level=249,499 model.conditioning=encoder,none)
for task in 0 1 2 3; do expect_completed "${job}_$task" 240; done

"$gyrus" sweep status sweep
"$gyrus" sweep collect sweep
[ "$(grep -cE '^[0-3],(249|499),(encoder|none),finished,[^,]*,[0-9]+,[0-9]+,[0-9.e-]+,' sweep/results.csv)" = 4 ] ||
  fail "results.csv does not hold four results: $(cat sweep/results.csv)"
[ "$(grep -c '^| [0-3] |' sweep/results.md)" = 4 ] || fail "results.md does not hold four rows"
