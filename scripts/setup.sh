#!/usr/bin/env bash
# Installs what gyrus needs, obtains LibTorch, configures and builds one preset (default: release) into build/PRESET.
#   scripts/setup.sh [PRESET]
# Works on Debian 12 and Ubuntu 22.04/24.04, as root or with sudo. Everything is done at most once; a second call is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}

scripts/install_packages.sh
if [ -z "${Torch_DIR:-}" ] && [ -z "${CMAKE_PREFIX_PATH:-}" ]; then
  scripts/fetch_torch.sh "$([ "$preset" = cuda ] && echo cuda || echo cpu)"
fi
cmake --preset "$preset" >"/tmp/gyrus-configure-$$.log" 2>&1 || { cat "/tmp/gyrus-configure-$$.log" >&2; exit 1; }
rm -f "/tmp/gyrus-configure-$$.log"
cmake --build --preset "$preset"
