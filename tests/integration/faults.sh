#!/usr/bin/env bash
# Data that breaks: a damaged and a missing shard with data.faults=fail and substitute, the same substitutes on every number of ranks, slices in
# quarantine, a preparation that is killed, two at once, and shards that are replaced by other sound ones.
source "$(dirname "$0")/common.sh"
shards=$work/cache/phantom-48
prepare_data data.shard_volumes=2

# --- damage, with and without substitutes
cp -r "$shards" "$work/whole"
printf 'damage' | dd of="$shards/train-00000.h5" bs=1 seek=50000 conv=notrunc status=none
rm "$shards/train-00002.h5"
expect_code 3 "$gyrus" shards verify "$shards" >verify.log 2>&1
grep -qE 'train-00000.h5: image of subject phantom-train-000[01], slice [0-9]+ is damaged: its digest is wrong' verify.log || { cat verify.log; fail "verify names no slice"; }
expect_code 3 train 2 stopped
grep -q 'train-00002.h5 is missing' stopped.log || { cat stopped.log; fail "a missing shard is not named"; }
for ranks in 1 2 3; do
  train "$ranks" "faults$ranks" data.faults=substitute || { cat "faults$ranks.log"; fail "training with substitutes"; }
  grep -o '"detail":"sample [0-9]*[^"]*"' "runs/faults$ranks/metrics.jsonl" | sort >"events$ranks"
  grep -q 'training slices could not be read and others were shown in their place' "faults$ranks.log" || fail "no final report"
done
grep -q 'cannot read shard .*train-00002.h5: No such file or directory; shown instead: slice' events1 || { cat events1; fail "no event"; }
diff events1 events2 && diff events1 events3 || fail "substitutes depend on the ranks"
diff <(column faults1 inputs) <(column faults2 inputs) >/dev/null || fail "inputs depend on the ranks"
echo "substitutes: $(wc -l <events1), the same on 1, 2 and 3 ranks"

# --- quarantine
rm -rf "$shards" && cp -r "$work/whole" "$shards"
printf 'damage' | dd of="$shards/train-00000.h5" bs=1 seek=50000 conv=notrunc status=none
"$gyrus" shards quarantine "$shards" >quarantine.log
grep -q '1 slice is in quarantine' quarantine.log || { cat quarantine.log; fail "quarantine"; }
train 2 quarantined || { cat quarantined.log; fail "training without the slice in quarantine"; }

# --- prepare mends, and goes on after a kill
"$gyrus" prepare "${tiny[@]}" data.shard_volumes=2 >mend.log 2>&1 || { cat mend.log; fail "prepare"; }
"$gyrus" shards verify "$shards" >/dev/null || fail "prepare leaves damage"
[ ! -e "$shards/quarantine.json" ] || fail "mended slices are still in quarantine"
diff -r --exclude=sources.json --exclude=prepare.lock "$shards" "$work/whole" || fail "mended shards differ"
big=(data.image_size='[96,96,32]' data.root="$work/cache/big" data.shard_volumes=2)
"$gyrus" prepare "${tiny[@]}" "${big[@]}" >killed.log 2>&1 &
preparation=$!
for _ in $(seq 300); do [ ! -e "$work/cache/big/train-00001.h5" ] || break; sleep 0.1; done
kill -9 $preparation
wait $preparation 2>/dev/null || true
[ -e "$work/cache/big/train-00000.h5" ] && [ ! -e "$work/cache/big/manifest.json" ] || fail "the preparation was not killed half-way"
before=$(stat -c %Y.%y "$work/cache/big/train-00000.h5")
"$gyrus" prepare "${tiny[@]}" "${big[@]}" >again.log 2>&1 || { cat again.log; fail "prepare after a kill"; }
[ "$(stat -c %Y.%y "$work/cache/big/train-00000.h5")" = "$before" ] || fail "a finished shard was made again"

# --- two preparations at once
rm -rf "$work/cache/big"
"$gyrus" prepare "${tiny[@]}" "${big[@]}" >one.log 2>&1 &
one=$!
"$gyrus" prepare "${tiny[@]}" "${big[@]}" >two.log 2>&1 && two_code=0 || two_code=$?
wait $one && one_code=0 || one_code=$?
[ "$one_code/$two_code" = 0/3 ] || [ "$one_code/$two_code" = 3/0 ] || { cat one.log two.log; fail "two preparations at once end with $one_code and $two_code"; }
cat one.log two.log | grep -q 'another preparation of .* runs' || fail "the other preparation is not named"
"$gyrus" shards verify "$work/cache/big" >/dev/null || fail "two preparations at once leave damage"

# --- shards replaced by those of other brains, sound in themselves
"$gyrus" prepare "${tiny[@]}" data.phantom.seed=9 data.shard_volumes=2 data.root="$work/cache/nine" >nine.log 2>&1
rm -rf "$work/cache/live" && cp -r "$work/whole" "$work/cache/live"
for file in "$work"/cache/nine/train-*.h5; do cp "$file" "$work/cache/live/$(basename "$file").new"; done
for file in "$work"/cache/live/*.new; do mv "$file" "${file%.new}"; done
expect_code 3 train 1 replaced data.root="$work/cache/live"
grep -qE 'is not the one that manifest.json lists|is truncated' replaced.log || { cat replaced.log; fail "replaced shards were read"; }
echo "faults: passed"
