#!/usr/bin/env bash
# The GPU's code for noise fields rounds every operation as the CPU does: no fused products and sums, no approximate roots or divisions, in the
# compiler's output with this build's own flags. BUILD_FOLDER is the argument. Skipped in a build without CUDA; needs no GPU.
set -euo pipefail
command=$(sed -nE 's/^ *"command": "(.*simplex_kernel\.cu.*)",?$/\1/p' "$1/compile_commands.json")
[ -n "$command" ] || { echo "skipped: a build without CUDA"; exit 77; }
ptx=$(mktemp)
trap 'rm -f "$ptx"' EXIT
cd "$1"
eval "$(sed -E 's/ --generate-code=[^ ]+//g; s/ -o [^ ]+//; s/ -c / /' <<<"$command") -arch=compute_90 -ptx -o $ptx"
if grep -nE '\b(fma|mad)\.[a-z.]*f(16|32|64)|\b(add|sub|mul)\.f(32|64)|\b(div|sqrt|rcp|rsqrt)\.(approx|full)|\.ftz' "$ptx"; then
  echo "operations of the GPU that round in another way than the CPU's"
  exit 1
fi
rounded=$(grep -cE '\b(add|sub|mul|div|sqrt|rcp)\.rn\.f(32|64)' "$ptx" || true)
[ "$rounded" -gt 100 ] || { echo "only $rounded operations on floating-point numbers: is this the right code?"; exit 1; }
echo "$rounded operations, each rounded to nearest"
