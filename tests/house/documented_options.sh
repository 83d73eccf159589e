#!/usr/bin/env bash
# Options that documents name exist: every `group.key` in back quotes. (compose_all.sh binds every key of configs/.)
set -uo pipefail
gyrus=$1
cd "$(dirname "$0")/../.."
known=$("$gyrus" config options) || exit 1
status=0
while read -r option; do
  grep -qE "(^|[^a-z_.])${option//./\\.}([^a-z_]|$)" <<<"$known" || { echo "no option $option, but a document names it"; status=1; }
done < <(grep -ohE '`(trainer|data|model|noise|corruption|objective|validation|checkpoint|evaluation|submit|sweep|run)\.[a-z_.0-9]+[a-z0-9]`' README.md docs/*.md | tr -d '`' | grep -vE '\.(json|yaml|csv)$' | sort -u)
exit $status
