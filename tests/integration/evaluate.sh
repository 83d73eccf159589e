#!/usr/bin/env bash
# `gyrus eval`: tables and summary, equal on every number of ranks, also with fewer patients than ranks; baselines beside the model.
source "$(dirname "$0")/common.sh"
prepare_data
train 2 run || { cat run.log; fail "training"; }
"$gyrus" eval checkpoint=runs/run --json >one.json 2>eval.log || { cat eval.log; fail "eval"; }
tables=$(ls -d runs/run/evaluation/step-*)
cp "$tables/patients.csv" one.csv
mpirun -np 4 "$gyrus" eval checkpoint=runs/run --json >four.json 2>eval.log || { cat eval.log; fail "eval on 4 ranks"; }
diff one.json four.json || fail "the summary depends on the number of ranks"
diff one.csv "$tables/patients.csv" || fail "the table depends on the number of ranks"
[ "$(wc -l <one.csv)" = 4 ] || fail "the table has $(wc -l <one.csv) lines instead of a header and 3 patients"
ls "$tables"/test-*.png >/dev/null || fail "no pictures"
"$gyrus" eval checkpoint=runs/run --baselines >table.txt 2>eval.log || { cat eval.log; fail "eval --baselines"; }
cat table.txt
grep -q mean_difference table.txt || fail "no baselines"
"$gyrus" eval checkpoint=runs/run noise.level=499 >other.txt 2>&1 || fail "eval with another level"
