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
"$gyrus" eval checkpoint=runs/run noise.level=499 --json >other.json 2>eval.log || { cat eval.log; fail "eval with another level"; }
! diff -q one.json other.json >/dev/null || fail "another level gives the same summary"
"$gyrus" eval checkpoint=runs/run noise=gaussian --json >gaussian.json 2>eval.log || { cat eval.log; fail "eval with a group"; }
! diff -q one.json gaussian.json >/dev/null || fail "another noise gives the same summary"

echo "--- what the run was trained with counts, not what configs/ says today"
sed -i 's/^seed: .*/seed: 77/' runs/run/config.yaml
"$gyrus" eval checkpoint=runs/run --json >seed.json 2>eval.log || { cat eval.log; fail "eval with the run's configuration"; }
! diff -q one.json seed.json >/dev/null || fail "the run's config.yaml is not read"
