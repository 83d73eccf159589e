#!/usr/bin/env bash
# `gyrus eval`: tables and summary, equal on every number of ranks, also with fewer patients than ranks; baselines, the published
# evaluation, thresholds without labels, comparison, folds; and what is refused.
source "$(dirname "$0")/common.sh"
prepare_data
train 2 run || { cat run.log; fail "training"; }

# evaluate RANKS NAME [override or flag ...]: prints JSON into NAME.json
evaluate() {
  local ranks=$1 name=$2
  shift 2
  mpirun -np "$ranks" "$gyrus" eval checkpoint=runs/run --json "$@" >"$name.json" 2>eval.log || { cat eval.log; fail "eval: $*"; }
}
# differs NAME: its summary is not that of the plain evaluation
differs() { ! diff -q one.json "$1.json" >/dev/null || fail "$1 gives the same summary"; }
# refused CODE TEXT [override ...]: eval ends with that exit code and a message with that text
refused() {
  local code=$1 text=$2
  shift 2
  expect_code "$code" "$gyrus" eval "$@" >refused.log 2>&1
  grep -q -- "$text" refused.log || { cat refused.log; fail "no message with: $text"; }
}

evaluate 1 one
tables=$(ls -d runs/run/evaluation/step-*)
for file in patients.csv slices.csv patients.json; do cp "$tables/$file" "one-$file"; done
for ranks in 2 4; do
  evaluate $ranks other
  diff one.json other.json || fail "the summary depends on the number of ranks"
  for file in patients.csv slices.csv patients.json; do diff "one-$file" "$tables/$file" || fail "$file depends on the number of ranks"; done
done
[ "$(grep -c ',test,test,' one-patients.csv)" = 3 ] || fail "the table has not 3 test patients"
[ "$(ls "$tables"/*.png | wc -l)" = 3 ] || fail "not one picture each of the best, the median and the worst patient"
ls "$tables"/test-{best,median,worst}-*.png >/dev/null || fail "no pictures"
grep -q '"hd95"' one.json && grep -q '"low"' one.json || fail "no distances or intervals"

"$gyrus" eval checkpoint=runs/run --baselines >table.txt 2>eval.log || { cat eval.log; fail "eval --baselines"; }
cat table.txt
grep -q mean_difference table.txt || fail "no baselines"
grep -q '^mean_difference,' "$tables-baselines/patients.csv" || fail "no rows of baselines"
diff one-patients.csv "$tables/patients.csv" || fail "the evaluation with baselines took the place of the one without"

echo "--- options change the result, on any number of ranks alike"
evaluate 1 level noise.level=499 && differs level
evaluate 1 gaussian noise=gaussian && differs gaussian
evaluate 1 reference evaluation=reference && differs reference
grep -q search_rounds reference.json || fail "no interval search"
evaluate 4 reference4 evaluation=reference
diff reference.json reference4.json || fail "the published evaluation depends on the number of ranks"
evaluate 1 patient evaluation.objective=patient evaluation.min_component=3
evaluate 3 patient3 evaluation.objective=patient evaluation.min_component=3
diff patient.json patient3.json || fail "the mean Dice's threshold depends on the number of ranks"
for kind in quantile roc; do
  healthy=(evaluation.threshold=healthy "evaluation.threshold_sets=[train]" evaluation.healthy_threshold=$kind "evaluation.healthy_sets=[train]")
  evaluate 1 $kind "${healthy[@]}"
  evaluate 3 ${kind}3 "${healthy[@]}"
  diff $kind.json ${kind}3.json || fail "the healthy threshold depends on the number of ranks"
  grep -q '"stage": "reconstruction"' $kind.json || fail "no reconstruction scores"
done

echo "--- evaluations with other settings stand side by side"
for name in a b; do mkdir -p $name/evaluation; done
echo 'min_component: 3' >a/evaluation/mine.yaml
echo 'min_component: 30' >b/evaluation/mine.yaml
for name in a b; do evaluate 1 mine-$name --config-dir $name evaluation=mine; done
for name in a b; do
  summary=$(grep -l -- "\"--config-dir=$work/$name\"" runs/run/evaluation/*/summary.json) || fail "no results of --config-dir $name"
  diff mine-$name.json "$summary" || fail "--config-dir $name was overwritten"
done

echo "--- a group of options takes the place of what the run's experiment chose; in a training the experiment has the last word"
evaluate 1 corrected evaluation=corrected && differs corrected
grep -q 'median_size: 3' "$tables/config.yaml" || fail "the run does not have its experiment's filter"
grep -q 'median_size: 5' "$(dirname "$(grep -l '"evaluation=corrected"' runs/run/evaluation/*/summary.json)")/config.yaml" || fail "not the group's filter"
"$gyrus" config show "${tiny[@]}" evaluation=corrected | grep -q 'median_size: 3' || fail "not the experiment's filter"

echo "--- comparison"
"$gyrus" eval --compare "$tables" "$tables" >same.txt || fail "compare"
grep -qE 'dice .* 1  exact' same.txt || { cat same.txt; fail "an evaluation differs from itself"; }
other=$(dirname "$(grep -l '"noise.level=499"' runs/run/evaluation/*/summary.json)")
"$gyrus" eval --compare "$tables" "$other" --json | grep -q '"p_value_from": "exact"' || fail "compare --json"
expect_code 2 "$gyrus" eval --compare runs/run "$tables" 2>several.log
grep -q "holds several evaluations" several.log || fail "a run with several evaluations is not refused"

echo "--- what the run was trained with counts, not what configs/ says today"
sed -i 's/^seed: .*/seed: 77/' runs/run/config.yaml
evaluate 1 seed && differs seed

echo "--- folds: the same shards, other training subjects"
train 2 fold data.folds=3 data.fold=1 || { cat fold.log; fail "training on a fold"; }
"$gyrus" eval checkpoint=runs/fold "evaluation.healthy_sets=[val_healthy]" >fold.txt 2>eval.log || { cat eval.log; fail "eval of a fold"; }
grep -qE 'val_healthy +reconstruction +4 ' fold.txt || { cat fold.txt; fail "not 4 of 12 healthy subjects are held out"; }
refused 2 "data.fold is 3, but data.folds=3 has the folds 0 to 2" checkpoint=runs/fold data.fold=3

echo "--- what cannot be evaluated is refused before anything is computed"
refused 3 "the set train has no lesions" checkpoint=runs/run "evaluation.threshold_sets=[train]"
refused 3 "of the set test has a lesion" checkpoint=runs/run "evaluation.healthy_sets=[test]"
refused 2 "has no set 'nowhere'" checkpoint=runs/run "evaluation.test_sets=[nowhere]"
