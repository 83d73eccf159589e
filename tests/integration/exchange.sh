#!/usr/bin/env bash
# Published checkpoints: an imported one evaluates and goes on training as the run it came from; export, diff, refusals.
source "$(dirname "$0")/common.sh"
published_file=$2
prepare_data
run=(trainer.ema_decay=0 checkpoint.keep_last=9)
train 1 whole "${run[@]}" || { cat whole.log; fail "training"; }
whole=runs/whole/checkpoints

echo "--- import"
"$published_file" $whole/step-000000020 half.ckpt || fail "no published file"
"$gyrus" checkpoint import half.ckpt imported "${tiny[@]}" "${run[@]}" >import.txt 2>import.log || { cat import.log; fail "import"; }
[ "$(cat import.txt)" = "imported/checkpoints/step-000000020" ] || fail "import printed '$(cat import.txt)'"
grep -q "model.multipliers=\[1,1,2\]" import.log || fail "the model was not deduced"
"$gyrus" checkpoint diff imported $whole/step-000000020 || fail "the imported weights differ"
"$gyrus" checkpoint verify imported >/dev/null || fail "the imported checkpoint is not valid"
expect_code 2 "$gyrus" checkpoint import half.ckpt imported "${tiny[@]}" 2>again.log
grep -q "holds a run already" again.log || { cat again.log; fail "a run was overwritten"; }

echo "--- evaluation"
"$gyrus" eval checkpoint=$whole/step-000000020 --json >ours.json 2>eval.log || { cat eval.log; fail "eval"; }
"$gyrus" eval checkpoint=imported --json >theirs.json 2>eval.log || { cat eval.log; fail "eval of the import"; }
diff ours.json theirs.json || fail "the imported checkpoint evaluates differently"

echo "--- going on"
train 1 resumed "${run[@]}" checkpoint.resume="$work/imported/checkpoints/step-000000020" || { cat resumed.log; fail "resuming"; }
[ "$(weights_digest resumed)" = "$(weights_digest whole)" ] || fail "the imported run goes on differently"
train 1 average checkpoint.resume="$work/imported/checkpoints/step-000000020" || { cat average.log; fail "resuming with an average"; }

echo "--- a pre-training"
train 1 spark model=spark_small trainer.max_samples=80 || { cat spark.log; fail "pre-training"; }
"$published_file" runs/spark/checkpoints/step-000000010 spark.ckpt || fail "no published file of a pre-training"
expect_code 2 "$gyrus" checkpoint import spark.ckpt spark "${tiny[@]}" 2>refused.log
grep -q "name it, as in model=spark data=ixi_shared" refused.log || { cat refused.log; fail "a pre-training was taken for a diffusion model"; }
"$gyrus" checkpoint import spark.ckpt spark "${tiny[@]}" model=spark_small 2>import.log || { cat import.log; fail "import of a pre-training"; }
"$gyrus" checkpoint diff spark runs/spark/checkpoints/step-000000010 || fail "the imported pre-training differs"
train 1 initialised trainer.max_samples=8 model.encoder.init="$work/spark" || { cat initialised.log; fail "training from an imported encoder"; }
grep -q "the encoder starts from $work/spark/checkpoints/step-000000010" initialised.log || { cat initialised.log; fail "the imported encoder was not taken"; }

echo "--- export and diff"
"$gyrus" checkpoint export imported weights.safetensors 2>export.log || { cat export.log; fail "export"; }
"$gyrus" checkpoint diff imported weights.safetensors || fail "the exported weights differ"
"$gyrus" checkpoint export runs/average average.safetensors --average 2>export.log || { cat export.log; fail "export of the average"; }
expect_code 1 "$gyrus" checkpoint diff runs/average average.safetensors >diff.txt
grep -q "values, at most" diff.txt || { cat diff.txt; fail "no differences are shown"; }
expect_code 1 "$gyrus" checkpoint diff runs/whole imported --json >diff.json
grep -q '"relative"' diff.json || fail "no differences in JSON"
expect_code 3 "$gyrus" checkpoint export imported x.safetensors --average 2>export.log
grep -q "has no running average" export.log || { cat export.log; fail "an average that is not there"; }

echo "--- refusals"
expect_code 3 "$gyrus" checkpoint import half.ckpt other model=ddpm 2>refused.log
grep -q "81 unexpected: diffusion.model.label_emb.0.bias" refused.log || { cat refused.log; fail "another model"; }
head -c 50000 half.ckpt >short.ckpt
expect_code 3 "$gyrus" checkpoint import short.ckpt other 2>refused.log
grep -q "truncated" refused.log || { cat refused.log; fail "a truncated file"; }
expect_code 3 "$gyrus" checkpoint import nowhere.ckpt other 2>refused.log
[ ! -e other ] || fail "a refused import left a folder"
