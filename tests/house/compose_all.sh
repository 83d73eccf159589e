#!/usr/bin/env bash
# Every option of every group in configs/ composes and binds.
set -uo pipefail
gyrus=$1
cd "$(dirname "$0")/../.."
status=0
for file in configs/*/*.yaml; do
  group=$(basename "$(dirname "$file")") option=$(basename "$file" .yaml)
  "$gyrus" config show "$group=$option" >/dev/null || { echo "$group=$option does not compose"; status=1; }
done
exit $status
