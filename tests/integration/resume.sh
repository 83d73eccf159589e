#!/usr/bin/env bash
# Stopped by a signal, or by the death of a rank, and started again: the final weights equal those of the undisturbed run, bit for bit.
source "$(dirname "$0")/common.sh"
prepare_data
long=(trainer.max_samples=480 checkpoint.every_samples=80)

train 2 undisturbed "${long[@]}" || { cat undisturbed.log; fail "the undisturbed run"; }
wanted=$(weights_digest undisturbed)

echo "--- USR1 in the middle"
train_until 17 2 stopped "${long[@]}"
grep -q '"status": "stopped"' runs/stopped/state.json || fail "state.json does not say stopped"
train 2 stopped "${long[@]}" || { cat stopped.log; fail "the resumed run"; }
[ "$(weights_digest stopped)" = "$wanted" ] || fail "weights differ after a stop"

echo "--- checkpoints by time"
train 2 timed trainer.max_samples=240 checkpoint.every_samples=0 checkpoint.every_minutes=0.002 || { cat timed.log; fail "a run with checkpoints by time"; }
[ "$(grep -c '"event":"checkpoint"' runs/timed/metrics.jsonl)" -gt 2 ] || fail "checkpoint.every_minutes made no checkpoints"

echo "--- kill -9 of each rank"
for victim in 1 2; do
  run=killed$victim
  train 2 $run "${long[@]}" &
  job=$!
  wait_for_step $run 24
  dead=$(ranks_of $run | sed -n "${victim}p")
  kill -9 "$dead"
  started=$SECONDS code=0
  wait $job || code=$?
  [ $code != 0 ] || fail "a job with a dead rank ended with 0"
  [ $((SECONDS - started)) -le 10 ] || fail "the job outlived its dead rank by $((SECONDS - started)) s"
  grep -q "pid $dead) died" $run.log || { cat $run.log; fail "the message does not name the dead rank"; }
  train 2 $run "${long[@]}" || { cat $run.log; fail "the resumed run"; }
  [ "$(weights_digest $run)" = "$wanted" ] || fail "weights differ after the death of a rank"
done

echo "--- a rank that is silent, not dead"
train 2 silent "${long[@]}" trainer.max_samples=80000 &
job=$!
wait_for_step silent 5
silent=$(ranks_of silent | sed -n 2p)
kill -STOP "$silent"
code=0
wait $job || code=$?
kill -9 "$silent" 2>/dev/null || true
[ $code != 0 ] || fail "a job with a silent rank ended with 0"
grep -q "pid $silent) has been silent" silent.log || { cat silent.log; fail "the message does not name the silent rank"; }

echo "--- from a checkpoint of another run"
train 2 branch "${long[@]}" checkpoint.resume="$work/runs/undisturbed/checkpoints/$(cat runs/undisturbed/checkpoints/latest)" ||
  { cat branch.log; fail "starting from a checkpoint"; }
[ "$(weights_digest branch)" = "$wanted" ] || fail "weights differ from the checkpoint's"

echo "--- on another number of ranks"
train_until 17 2 other "${long[@]}"
train 3 other "${long[@]}" || { cat other.log; fail "resuming on 3 ranks"; }
paste <(column undisturbed loss) <(column other loss) | awk '{ d = ($2 - $4) / $2; if (d < 0) d = -d; if (d > 1e-3) exit 1 }' ||
  fail "losses differ on another number of ranks"

echo "--- a second call of a finished run"
train 2 undisturbed "${long[@]}" || fail "the second call"
grep -q "this run is complete" undisturbed.log || fail "a finished run does not say so"
