#!/usr/bin/env bash
# The readers of files that come from elsewhere (NIfTI, manifest, shard, codecs) under libFuzzer with address and undefined-behaviour
# sanitizers, a minute each. Arguments go to ctest (-R nifti ...). For longer: build/fuzz/tests/fuzz/nifti_fuzz -max_total_time=3600
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/install_packages.sh clang-16 libclang-rt-16-dev
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz
ctest --test-dir build/fuzz --output-on-failure -j "$(nproc)" "$@"
