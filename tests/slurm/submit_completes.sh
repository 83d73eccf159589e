#!/usr/bin/env bash
# A job on 2 nodes x 2 tasks trains to its end.   submit_completes.sh GYRUS srun|mpirun
source "$(dirname "$0")/cluster_tests.sh"
launcher=$2

prepare_data
job=$(submit run submit.launcher="$launcher")
expect_completed "$job" 240
grep -q '"finished"' runs/run/state.json || fail "state.json does not say finished: $(cat runs/run/state.json)"
grep -Eq '"world_size": ?4' runs/run/state.json || fail "not four ranks: $(cat runs/run/state.json)"
has_lines validation run 1 || fail "no validation in metrics.jsonl"
