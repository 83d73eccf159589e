#!/usr/bin/env bash
# One configuration on 1, 2, 3 and 4 ranks, with micro-batches, and with a batch that ranks cannot share evenly: identical inputs each
# step, losses within 1e-4. The sample groups of the encoder's norms (4 samples, then the whole batch) cross the borders between ranks.
source "$(dirname "$0")/common.sh"
prepare_data
quickstart=(data.image_size='[48,48,16]' data.root="$work/quickstart")
prepare_data "${quickstart[@]}"

close() { # RUN_A RUN_B: the largest relative difference of losses is at most 1e-4
  paste <(column "$1" loss) <(column "$2" loss) | awk -v a="$1" -v b="$2" '
    { d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > worst) worst = d; n++ }
    END { printf "%s and %s: %d steps, largest relative difference of losses %.2e\n", a, b, n, worst; exit !(n == 30 && worst <= 1e-4) }' ||
    fail "losses of $1 and $2 differ"
}

compare() { # NAME RANKS... -- [override ...]: trains on 1 rank and on each of RANKS, then on 2 with micro-batches of 1
  local name=$1 ranks=()
  shift
  while [ "$1" != -- ]; do ranks+=("$1"); shift; done
  shift
  train 1 "$name-r1" "$@" || { cat "$name-r1.log"; fail "training on 1 rank"; }
  for number in "${ranks[@]}"; do
    train "$number" "$name-r$number" "$@" || { cat "$name-r$number.log"; fail "training on $number ranks"; }
    diff <(column "$name-r1" inputs) <(column "$name-r$number" inputs) >/dev/null || fail "inputs differ on $number ranks"
    close "$name-r1" "$name-r$number"
  done
  train 2 "$name-micro" "$@" trainer.micro_batch=1 || fail "training with micro-batches"
  diff <(column "$name-r1" inputs) <(column "$name-micro" inputs) >/dev/null || fail "inputs differ with micro-batches"
  close "$name-r1" "$name-micro"
}

compare even 2 3 4 -- "${quickstart[@]}" trainer.global_batch=8 trainer.max_samples=240
compare uneven 2 3 4 -- "${quickstart[@]}" trainer.global_batch=7 trainer.max_samples=210
# One noise field per step, weights averaged, gradients clipped.
compare shared 3 -- trainer.global_batch=8 trainer.max_samples=240 noise.sharing=batch trainer.ema_decay=0.9 trainer.clip_norm=0.5
# One group over all ranks. At high learning rates Adam turns rounding of tiny gradients into steps of full size, whatever the layout.
compare whole 3 -- trainer.global_batch=8 trainer.max_samples=240 model.encoder.norm_group_samples=0 trainer.optimizer.lr=2e-4

# Wherever the slices come from: the same bytes, or, augmented on the device, the same to rounding.
augmented=(data.augment.gamma=0.5 data.augment.ghosting=0.5 data.augment.blur=0.5 data.augment.elastic=0.3 data.augment.flip=0.5)
for policy in stream node_cache local_stage device_cache; do
  train 2 "from-$policy" trainer.global_batch=8 trainer.max_samples=240 "${augmented[@]}" data.source_policy=$policy data.stage.dir="$work/stage" ||
    { cat "from-$policy.log"; fail "training with data.source_policy=$policy"; }
  grep -q "  slices *$policy: " "from-$policy.log" || { cat "from-$policy.log"; fail "the table does not name the policy"; }
  diff <(column from-stream inputs) <(column "from-$policy" inputs) >/dev/null || fail "inputs differ with $policy"
done
for policy in node_cache local_stage; do
  diff <(column from-stream loss) <(column "from-$policy" loss) >/dev/null || fail "losses differ with $policy"
done
close from-stream from-device_cache
[ -e "$work"/stage/*/complete ] || fail "nothing was staged"
