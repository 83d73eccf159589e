#!/usr/bin/env bash
# Every test has a time-out and a label. BUILD_FOLDER is the argument.
set -euo pipefail
list=$(mktemp)
trap 'rm -f "$list"' EXIT
ctest --test-dir "$1" --show-only=json-v1 >"$list"
count() { grep -c "\"name\" : \"$1\"" "$list" || true; }
tests=$(grep -c '"properties" :' "$list")
[ "$tests" -gt 100 ] || { echo "only $tests tests are listed"; exit 1; }
for property in TIMEOUT LABELS; do
  [ "$(count $property)" = "$tests" ] || { echo "$(count $property) of $tests tests have a $property"; exit 1; }
done
echo "$tests tests, all with a time-out and a label"
