#!/usr/bin/env bash
# One `gyrus submit` makes a pre-training and the training that takes its encoder; the second waits for the first.   two_jobs.sh GYRUS
source "$(dirname "$0")/cluster_tests.sh"

prepare_data
first=(experiment=quickstart model=spark_small trainer.max_samples=320 trainer.global_batch=8
  run.dir="$work/runs/encoder")
after=$(printf ",'%s'" "${first[@]}")  # in quotes: Hydra's lists hold no = without them
after="[${after:1}]"

submit both submit.after="$after" --dry-run >scripts.txt
[ "$(grep -c '^#!/bin/bash' scripts.txt)" = 2 ] || fail "not two scripts: $(cat scripts.txt)"
[ ! -e runs ] || fail "--dry-run wrote $(ls runs)"

refused() { # WORDS AFTER
  if submit both submit.after="$2" >refused.txt 2>&1; then fail "submitted: $2"; fi
  grep -q "$1" refused.txt || fail "$2: $(cat refused.txt)"
}
refused 'both jobs have the run.dir' "['experiment=quickstart','run.dir=$work/runs/both']"
refused 'the two jobs differ in data.root' "[${after:1:-1},'data.root=$work/other']"
refused 'only two jobs are chained' "['experiment=cddpm_pretrained_4mm']"

ids=$(submit both submit.after="$after" model.encoder.init="$work/runs/encoder" data.folds=3 data.fold=1)
encoder=$(head -n 1 <<<"$ids") training=$(tail -n 1 <<<"$ids")
[ "$encoder" != "$training" ] || fail "not two jobs: $ids"
[ "$(job_field "$training" Dependency)" != "(null)" ] || has_ended "$encoder" || fail "job $training does not wait for $encoder"
for run in encoder both; do # an encoder of another fold would have learned from the held-out brains
  grep -q '^  folds: 3' "runs/$run/config.yaml" && grep -q '^  fold: 1' "runs/$run/config.yaml" || fail "$run has other folds"
done
expect_completed "$encoder" 240
expect_completed "$training" 240
grep -q 'the encoder starts from .*runs/encoder' runs/both/slurm-"$training".out || fail "the encoder's weights were not taken"

# A first job that cannot succeed takes the second with it.
ids=$(submit doomed submit.after="[${after:1:-1},'checkpoint.resume=$work/nothing','run.dir=$work/runs/failing']")
failing=$(head -n 1 <<<"$ids") doomed=$(tail -n 1 <<<"$ids")
wait_for 120 has_ended "$failing"
wait_for 120 has_ended "$doomed"
[ "$(job_field "$doomed" JobState)" = CANCELLED ] || fail "job $doomed ended as $(job_field "$doomed" JobState)"
