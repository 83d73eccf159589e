#!/usr/bin/env bash
# Every option of every group in configs/ composes and binds; hydra.run.dir moves every recipe's run folder.
set -uo pipefail
gyrus=$1
cd "$(dirname "$0")/../.."
status=0
for file in configs/*/*.yaml configs/*/*/*.yaml; do
  group=$(dirname "${file#configs/}") option=$(basename "$file" .yaml)
  "$gyrus" config show "$group=$option" >/dev/null || { echo "$group=$option does not compose"; status=1; }
done
for file in configs/experiment/*.yaml; do
  option=$(basename "$file" .yaml)
  "$gyrus" config show experiment="$option" hydra.run.dir=elsewhere --package run | grep -qx 'dir: elsewhere' ||
    { echo "experiment=$option does not heed hydra.run.dir"; status=1; }
done
exit $status
