#!/usr/bin/env bash
# The main job on a GPU: the same inputs as on the CPU, losses equal to rounding, noise that the GPU makes equal bit for bit to the CPU's,
# and a stopped run that goes on. Skipped without a GPU.
source "$(dirname "$0")/common.sh"
prepare_data

if ! train 1 probe trainer.device=cuda trainer.max_samples=8; then
  grep -q "shows no GPU to this program" probe.log || { cat probe.log; fail "training on a GPU"; }
  echo "skipped: no GPU, or a build without CUDA"
  exit 77
fi
train 1 cpu trainer.device=cpu || { cat cpu.log; fail "training on the CPU"; }
train 1 gpu trainer.device=cuda || { cat gpu.log; fail "training on the GPU"; }
diff <(column cpu inputs) <(column gpu inputs) >/dev/null || fail "inputs differ on the GPU"
paste <(column cpu loss) <(column gpu loss) | awk '{ d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > worst) worst = d; n++ }
  END { printf "CPU and GPU: %d steps, largest relative difference of losses %.2e\n", n, worst; exit !(n == 30 && worst <= 1e-3) }' ||
  fail "losses differ on the GPU"

train 1 half trainer.device=cuda trainer.precision=bf16 || { cat half.log; fail "training in bfloat16"; }
paste <(column gpu loss) <(column half loss) | awk '{ d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > 0.1) exit 1 }' || fail "bfloat16 is far off"

# same_noise NAME [override ...]: the GPU's noise and the CPU's make the same inputs in each of 30 steps.
same_noise() {
  local name=$1
  shift
  for device in cpu cuda; do
    train 1 "noise_${name}_$device" trainer.device=cuda noise.device=$device "$@" ||
      { cat "noise_${name}_$device.log"; fail "training with noise.device=$device $*"; }
  done
  [ "$(column "noise_${name}_cuda" inputs | wc -l)" = 30 ] || fail "noise.device=cuda $*: not 30 steps"
  diff <(column "noise_${name}_cpu" inputs) <(column "noise_${name}_cuda" inputs) >/dev/null || fail "the GPU's noise differs: $*"
  echo "noise.device=cuda and cpu: equal inputs with ${*:-the defaults}"
}
same_noise defaults
same_noise standardise noise.standardise=true
same_noise offset noise.mean_offset=0.1
same_noise half noise.round_to_half=true
same_noise shared noise.sharing=batch
same_noise all noise.standardise=true noise.mean_offset=0.1 noise.round_to_half=true noise.sharing=batch noise.random_origin=false
[ "$(column noise_defaults_cuda inputs)" != "$(column noise_offset_cuda inputs)" ] || fail "the inputs' hash does not see the noise"

train_until 10 1 resumed trainer.device=cuda trainer.max_samples=2400
train 1 resumed trainer.device=cuda trainer.max_samples=2400 || { cat resumed.log; fail "resuming on the GPU"; }
[ "$(column resumed loss | wc -l)" = 300 ] || fail "the resumed run has no 300 steps"

# The whole set in the device's memory, augmented there, shows what the shards show, augmented on the CPU.
augmented=(trainer.device=cuda data.augment.gamma=0.5 data.augment.ghosting=0.5 data.augment.elastic=0.3 data.augment.flip=0.5)
for policy in stream device_cache; do
  train 1 "from_$policy" "${augmented[@]}" data.source_policy=$policy || { cat "from_$policy.log"; fail "training with data.source_policy=$policy"; }
done
diff <(column from_stream inputs) <(column from_device_cache inputs) >/dev/null || fail "inputs differ with device_cache"
paste <(column from_stream loss) <(column from_device_cache loss) | awk '{ d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > 1e-3) exit 1 }' ||
  fail "losses differ with device_cache"
