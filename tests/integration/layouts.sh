#!/usr/bin/env bash
# One configuration on 1, 2, 3 and 4 ranks, with micro-batches, and with a batch that ranks cannot share evenly: identical inputs each
# step, losses within 1e-4. The sample groups of the encoder's norms cross the borders between ranks.
source "$(dirname "$0")/common.sh"
prepare_data

close() { # RUN_A RUN_B: the largest relative difference of losses is at most 1e-4
  paste <(column "$1" loss) <(column "$2" loss) | awk -v a="$1" -v b="$2" '
    { d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > worst) worst = d; n++ }
    END { printf "%s and %s: %d steps, largest relative difference of losses %.2e\n", a, b, n, worst; exit !(n == 30 && worst <= 1e-4) }' ||
    fail "losses of $1 and $2 differ"
}

for batch in 8 7; do
  base="trainer.global_batch=$batch trainer.max_samples=$((30 * batch)) model.encoder.norm_group_samples=0"
  for ranks in 1 2 3 4; do
    train $ranks "b$batch-r$ranks" $base || { cat "b$batch-r$ranks.log"; fail "training on $ranks ranks"; }
    diff <(column "b$batch-r1" inputs) <(column "b$batch-r$ranks" inputs) >/dev/null || fail "inputs differ on $ranks ranks"
    close "b$batch-r1" "b$batch-r$ranks"
  done
  train 2 "b$batch-micro" $base trainer.micro_batch=1 || fail "training with micro-batches"
  diff <(column "b$batch-r1" inputs) <(column "b$batch-micro" inputs) >/dev/null || fail "inputs differ with micro-batches"
  close "b$batch-r1" "b$batch-micro"
done
