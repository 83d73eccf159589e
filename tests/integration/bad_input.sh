#!/usr/bin/env bash
# Wrong input: a clear message, the right exit code, nothing damaged.
source "$(dirname "$0")/common.sh"
prepare_data

# expect CODE WORDS COMMAND...: the command ends with CODE and its output has WORDS
expect() {
  local code=$1 words=$2 got=0
  shift 2
  "$@" >out.log 2>&1 || got=$?
  [ $got = "$code" ] || { cat out.log; fail "exit code $got instead of $code: $*"; }
  grep -qF -- "$words" out.log || { cat out.log; fail "no '$words' from: $*"; }
  echo "ok ($code): $words"
}
run() { "$gyrus" train "${tiny[@]}" run.dir="$work/runs/bad" "$@"; }

echo "--- configuration"
expect 2 "did you mean lr" run trainer.optimizer.lrr=1
expect 2 "trainer.max_samples" run trainer.max_samples=many
expect 2 "model" run model=no_such_model
expect 2 "gyrus has no verb" "$gyrus" trian
expect 2 "data.image_size" run data.image_size='[50,50,16]'
expect 2 "data.image_size" "$gyrus" submit --dry-run "${tiny[@]}" data.image_size='[50,50,16]'
expect 2 "gyrus eval needs checkpoint=PATH" "$gyrus" eval
[ ! -e runs/bad ] || fail "a wrong configuration left a run folder"

echo "--- plan"
expect 93 "nothing would be trained" run trainer.max_samples=3
expect 93 "3 ranks share trainer.global_batch = 2" mpirun -np 3 "$gyrus" train "${tiny[@]}" trainer.global_batch=2 run.dir=runs/few

echo "--- data"
expect 3 "gyrus prepare" run data.root="$work/nowhere"
mkdir empty
expect 3 "gyrus prepare" run data.root="$work/empty"

expect 3 "$work/nowhere is not a folder" mpirun -np 2 "$gyrus" prepare data=ixi_shared data.source.ixi.folder="$work/nowhere" data.root="$work/never"
expect 3 "$work/empty is empty" "$gyrus" prepare data=ixi_shared data.source.ixi.folder="$work/empty" data.root="$work/never"

echo "--- a run folder in use"
"$gyrus" train "${tiny[@]}" trainer.max_samples=80000 run.dir=runs/busy >busy.log 2>&1 &
owner=$!
for _ in $(seq 100); do [ -s runs/busy/metrics.jsonl ] && break || sleep 0.1; done
expect 2 "is in use by host" "$gyrus" train "${tiny[@]}" run.dir=runs/busy
kill -USR1 $owner
expect_code 85 wait $owner

echo "--- damaged checkpoints"
train 1 damaged || { cat damaged.log; fail "training"; }
newest=$(ls -d runs/damaged/checkpoints/step-* | tail -n 1)
size=$(stat -c %s "$newest/weights.safetensors")
printf "\xff" | dd of="$newest/weights.safetensors" bs=1 seek=$((size - 400)) conv=notrunc status=none
expect 3 "is damaged" "$gyrus" checkpoint verify runs/damaged
train 1 damaged || { cat damaged.log; fail "resuming behind a damaged checkpoint"; }
grep -q "cannot be used" damaged.log && grep -q "are lost and will be trained again" damaged.log || { cat damaged.log; fail "the loss is not named"; }
for folder in runs/damaged/checkpoints/step-*; do truncate -s 1000 "$folder/weights.safetensors"; done
expect 93 "does not start again at step 0" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/damaged"
rm -r runs/damaged/checkpoints/step-*
expect 93 "all of them are gone" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/damaged"
expect 3 "neither a checkpoint nor a run folder" "$gyrus" eval checkpoint="$work/empty"
echo '{"format": "other"}' >empty/manifest.json
expect 3 "not a gyrus checkpoint" "$gyrus" eval checkpoint="$work/empty"

echo "--- a configuration that changed"
train 1 changed || fail "training"
cat runs/changed/config.yaml runs/changed/.hydra/overrides.yaml runs/changed/state.json >before.txt
expect 2 "model.base_width: 16 before, 32 now" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/changed" model.base_width=32
expect 2 "checkpoint.resume=never" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/changed" checkpoint.resume=never

expect 2 "holds a run with another configuration" "$gyrus" submit "${tiny[@]}" run.dir="$work/runs/changed" model.base_width=32
cat runs/changed/config.yaml runs/changed/.hydra/overrides.yaml runs/changed/state.json | diff before.txt - || fail "a refused start changed the run"

echo "--- options that do not fit together"
expect 0 "no volume of validation.set=train has lesions" run validation.set=train trainer.max_samples=8
rm -r runs/bad
expect 2 "model.multipliers is empty" run model.multipliers=[]
expect 2 "model.attention_factors holds 3" run model.attention_factors=[3]
expect 93 "ranks share trainer.global_batch = 8" "$gyrus" submit --dry-run "${tiny[@]}" submit.nodes=4 submit.tasks_per_node=4
expect 2 "no such file" "$gyrus" train --frozen "$work/nowhere.yaml"
expect 2 "noise.level is empty" run noise.level=[]
expect 2 "evaluation.median_size" run evaluation.median_size=4
expect 2 "model.base_width is 17" run model.base_width=17
expect 2 "model.multipliers holds 0" run model.multipliers=[1,0]
expect 2 "model.head_width" run model.base_width=200 model.norm_groups=8 model.head_width=64
expect 2 "is not an option" "$gyrus" prepare "${tiny[@]}" trainer.lrr=1
expect 3 "has no lesions" "$gyrus" eval checkpoint=runs/changed evaluation.threshold_sets=[train]

echo "--- not a number"
expect 93 "are not finite" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/nan" trainer.optimizer.lr=1e30 trainer.optimizer.schedule=constant
grep -q '"status": "failed"' runs/nan/state.json || fail "state.json does not say failed"
expect 0 "the update is left out" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/skip" trainer.optimizer.lr=1e30 trainer.nan_policy=skip \
  trainer.max_samples=40

echo "--- a full disk"
mkdir full
# Without the right to mount a small disk, a limit on the size of files makes the same write fail.
mount -t tmpfs -o size=3m tmpfs full 2>/dev/null && mounted=1 || mounted=0
write_on_full_disk() {
  [ $mounted = 1 ] || { trap '' XFSZ; ulimit -f 1000; }
  "$gyrus" train "${tiny[@]}" run.dir="$work/full/run"
}
expect 3 "cannot write" eval '(write_on_full_disk)'
[ -z "$(ls full/run/checkpoints | grep tmp)" ] || fail "a half-written checkpoint was left"
grep -q '"status": "failed"' full/run/state.json || [ $mounted = 1 ] || fail "state.json does not say failed"
[ $mounted = 0 ] || umount full

echo "--- a GPU that is not there"
expect 2 "noise.device=cuda, but this training is on the CPU" run trainer.device=cpu noise.device=cuda
expect 2 "noise.device=cuda, but this training is on the CPU" mpirun -np 2 "$gyrus" train "${tiny[@]}" run.dir=runs/bad trainer.device=cpu noise.device=cuda
[ "$(grep -c "noise.device=cuda, but" out.log)" = 1 ] || { cat out.log; fail "an error that all ranks share was printed several times"; }
expect 2 "noise.device=cuda, but this training is on the CPU" run --dry-run trainer.device=cpu noise.device=cuda
expect 2 "noise.device=cuda, but this training is on the CPU" run noise.device=cuda
expect 2 "noise.kind=gaussian" run noise=gaussian noise.device=cuda
expect 2 "trainer.device=cuda" "$gyrus" train "${tiny[@]}" run.dir="$work/runs/gpu" trainer.device=cuda
