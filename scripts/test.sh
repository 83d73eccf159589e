#!/usr/bin/env bash
# Every test, from nothing: installs, builds and runs ctest. Arguments go to ctest (-L unit, -R parity ...).
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release
. scripts/mpi_environment.sh
ctest --test-dir build/release --output-on-failure -j "$(nproc)" "$@"
