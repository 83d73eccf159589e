#!/usr/bin/env bash
# The published variants under mpirun: masked pre-training and the model that starts from it, patched, film, noise prediction.
source "$(dirname "$0")/common.sh"
prepare_data

# has_all_steps RUN: every step of 64 samples in batches of 8 has its line, with inputs and loss
has_all_steps() {
  local key
  for key in inputs loss; do
    [ "$(column "$1" $key | awk 'NF == 2' | wc -l)" = $((64 / 8)) ] || fail "$1: not $((64 / 8)) steps with $key: $(column "$1" $key)"
  done
}

# same_on_ranks NAME [override ...]: equal inputs bit for bit and losses within 1e-4 on 1, 2 and 3 ranks
same_on_ranks() {
  local name=$1
  shift
  echo "--- $name"
  for ranks in 1 2 3; do
    train $ranks "$name-$ranks" trainer.max_samples=64 trainer.global_batch=8 trainer.log_every_steps=1 "$@" || { cat "$name-$ranks.log"; fail "$name on $ranks ranks"; }
    has_all_steps "$name-$ranks"
  done
  for ranks in 2 3; do
    diff <(column "$name-1" inputs) <(column "$name-$ranks" inputs) || fail "$name: inputs differ on $ranks ranks"
    paste <(column "$name-1" loss) <(column "$name-$ranks" loss) |
      awk '{ d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > worst) worst = d } END { print "largest difference of losses", worst; exit worst > 1e-4 }' ||
      fail "$name: losses differ on $ranks ranks"
  done
}

spark=(model=spark_small checkpoint.metric=loss trainer.optimizer.name=adamw)
same_on_ranks spark "${spark[@]}"
same_on_ranks pddpm model=pddpm_small corruption.box=[16,16]
same_on_ranks patched_film model.injection=film corruption=random corruption.box=[16,8] model.condition_dropout=0.5 model.encoder.norm=group \
  model.encoder.norm_group_samples=0 objective=noise objective.error=l2 objective.weight=min_snr objective.timesteps=stratified

echo "--- a run that starts from a pre-training, stopped and resumed"
train 2 encoder "${spark[@]}" || { cat encoder.log; fail "pre-training"; }
grep -q 'masked pre-training' encoder.log || fail "the start table does not name the pre-training"
init=(model.encoder.init="$work/runs/encoder")
train 2 whole "${init[@]}" || { cat whole.log; fail "training from a pre-trained encoder"; }
grep -q 'the encoder starts from .*runs/encoder' whole.log || fail "it does not say where its encoder comes from"
train_until 5 2 stopped "${init[@]}"
mv runs/encoder runs/moved  # a resumed run needs it no more
train 2 stopped "${init[@]}" || { cat stopped.log; fail "resuming"; }
[ "$(weights_digest whole)" = "$(weights_digest stopped)" ] || fail "the resumed run has other weights"
train 2 plain || fail "training without a pre-trained encoder"
[ "$(weights_digest whole)" != "$(weights_digest plain)" ] || fail "the pre-trained encoder makes no difference"

echo "--- what does not fit"
expect_code 3 train 2 refused model.encoder.init="$work/runs/nowhere"
grep -q "neither a checkpoint nor a run folder" refused.log || fail "$(cat refused.log)"
expect_code 3 train 2 wider model.encoder.init="$work/runs/moved" model.encoder.width=8
grep -q 'conv1.weight has shape \[12, 1, 7, 7\] instead of \[8, 1, 7, 7\]' wider.log || fail "$(cat wider.log)"
expect_code 2 train 2 boxes model=pddpm_small corruption.box=[20,16]
grep -q 'do not tile' boxes.log || fail "$(cat boxes.log)"
expect_code 2 train 2 level noise.level=1000
grep -q 'noise.level' level.log || fail "$(cat level.log)"

echo "--- validation as published"
train 2 random validation.loss=random validation.every_samples=80 || { cat random.log; fail "validation.loss=random"; }
train 1 random-1 validation.loss=random validation.every_samples=80 || fail "validation.loss=random on one rank"
losses() { grep '"kind":"validation"' "runs/$1/metrics.jsonl" | sed -E 's/.*"loss":([0-9.]+).*/\1/'; }
[ "$(losses random | sort -u | wc -l)" = 3 ] || fail "not three validation losses: $(losses random)"
paste <(losses random) <(losses random-1) | awk '{ d = $1 - $2; if (d < 0) d = -d; if (d > 1e-3) exit 1 }' || fail "validation losses depend on ranks"
