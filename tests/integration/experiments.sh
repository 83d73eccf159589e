#!/usr/bin/env bash
# Every recipe in configs/experiment trains two steps and is evaluated, on a small generated cohort and with narrow networks.
source "$(dirname "$0")/common.sh"
configs=$(readlink -f "$(dirname "$0")/../../configs")

small=(
  data=phantom data.image_size=[64,64,6] data.root="$work/cache/phantom-64"
  data.phantom.train_subjects=4 data.phantom.val_subjects=1 data.phantom.test_subjects=1 data.min_brain_fraction=0
  trainer.global_batch=2 trainer.max_samples=4 trainer.optimizer.warmup_samples=0
  validation.set=val validation.every_samples=0 checkpoint.every_samples=0
  evaluation.threshold_sets=[val] evaluation.test_sets=[test] evaluation.healthy_sets=[]
  model.base_width=32 model.encoder.width=8 noise.level=[249]
)
"$gyrus" prepare "${small[@]}" >prepare.log 2>&1 || { cat prepare.log; fail "gyrus prepare"; }

# Recipes that start from a pre-trained encoder come after the others.
recipes=$(cd "$configs/experiment" && ls ./*.yaml | sed 's|^./||; s|\.yaml$||' | grep -v pretrained && cd "$configs/experiment" && ls ./*pretrained*.yaml | sed 's|^./||; s|\.yaml$||')
for recipe in $recipes; do
  echo "--- $recipe"
  init=()
  [[ $recipe != *pretrained* ]] || init=(model.encoder.init="$work/runs/${recipe/cddpm_pretrained/pretraining}")
  "$gyrus" train experiment="$recipe" "${small[@]}" "${init[@]}" run.dir="$work/runs/$recipe" >"$recipe.log" 2>&1 ||
    { cat "$recipe.log"; fail "$recipe does not train"; }
  grep -q '"finished"' "runs/$recipe/state.json" || fail "$recipe did not finish"
  if grep -q 'kind: spark' "runs/$recipe/config.yaml"; then
    expect_code 2 "$gyrus" eval checkpoint="$work/runs/$recipe" 2>eval.log
    grep -q 'it makes no anomaly maps' eval.log || fail "the evaluation of a pre-training says: $(cat eval.log)"
  else
    "$gyrus" eval checkpoint="$work/runs/$recipe" >eval.log 2>&1 || { cat eval.log; fail "$recipe is not evaluated"; }
  fi
done
grep -q 'the encoder starts from' cddpm_pretrained.log || fail "cddpm_pretrained does not say where its encoder comes from"
