#!/usr/bin/env bash
# Installs what gyrus needs, obtains LibTorch, configures and builds one preset (default: release) into build/PRESET.
#   scripts/setup.sh [PRESET [TARGET]]
# Works on Debian 12 and Ubuntu 22.04/24.04, as root or with sudo. Everything is done at most once; a second call is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
preset=${1:-release}
target=${2:-all}

scripts/install_packages.sh
kind=cpu
if [ "$preset" = cuda ]; then
  kind=cuda
  command -v nvcc >/dev/null || export PATH=$PATH:/usr/local/cuda/bin
fi
# A LibTorch that the user points to is used as it is; other things may stand in CMAKE_PREFIX_PATH too.
has_own_torch() {
  [ -z "${Torch_DIR:-}" ] || return 0
  local prefix
  for prefix in $(tr ':;' '  ' <<<"${CMAKE_PREFIX_PATH:-}"); do
    [ ! -e "$prefix/share/cmake/Torch/TorchConfig.cmake" ] && [ ! -e "$prefix/Torch/TorchConfig.cmake" ] || return 0
  done
  return 1
}
has_own_torch || scripts/fetch_torch.sh $kind
log=$(mktemp)
trap 'rm -f "$log"' EXIT
cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
cmake --build --preset "$preset" --target "$target"
