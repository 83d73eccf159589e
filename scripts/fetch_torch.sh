#!/usr/bin/env bash
# Unpacks LibTorch from the PyPI wheel into ${XDG_CACHE_HOME:-~/.cache}/gyrus/torch-VERSION, once; nothing of it runs Python.
#   scripts/fetch_torch.sh [cpu|cuda]
# The wheel is the CUDA one in both cases; `cpu` leaves its GPU libraries out and adds the two small CUDA libraries
# that libtorch_cpu.so itself needs. `cuda` adds the libraries that the CUDA toolkit does not bring.
set -euo pipefail
kind=${1:-cpu}
version=2.11.0
target=${XDG_CACHE_HOME:-$HOME/.cache}/gyrus/torch-$version
[ ! -e "$target/$kind.complete" ] || exit 0

requirements() {
  cat <<LIST
torch==$version --hash=sha256:0f68f4ac6d95d12e896c3b7a912b5871619542ec54d3649cf48cc1edd4dd2756
nvidia-cuda-runtime==13.0.96 --hash=sha256:7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548
nvidia-cuda-cupti==13.0.85 --hash=sha256:4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8
LIST
  [ "$kind" = cpu ] || cat <<LIST
nvidia-cusparselt-cu13==0.8.0 --hash=sha256:25e30a8a7323935d4ad0340b95a0b69926eee755767e8e0b1cf8dd85b197d3fd
nvidia-nvshmem-cu13==3.4.5 --hash=sha256:290f0a2ee94c9f3687a02502f3b9299a9f9fe826e6d0287ee18482e78d495b80
nvidia-cufile==1.15.1.6 --hash=sha256:08a3ecefae5a01c7f5117351c64f17c7c62efa5fffdbe24fc7d298da19cd0b44
LIST
}

mkdir -p "$target"
work=$(mktemp -d "$target/download.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "fetching LibTorch $version ($kind) into $target" >&2
requirements >"$work/requirements.txt"
python3 -m pip download --quiet --no-deps --only-binary=:all: --require-hashes --dest "$work" \
  --python-version 3.12 --implementation cp --platform manylinux_2_28_x86_64 --platform manylinux_2_27_x86_64 \
  --platform manylinux_2_25_x86_64 --platform manylinux_2_17_x86_64 --platform manylinux2014_x86_64 \
  --requirement "$work/requirements.txt"

gpu_only=(torch/lib/libtorch_cuda.so torch/lib/libtorch_cuda_linalg.so torch/lib/libc10_cuda.so
  torch/lib/libtorch_nvshmem.so torch/lib/libcaffe2_nvrtc.so)
never=('torch/lib/libtorch_python.so' 'torch/lib/libshm*')
leave_out=("${never[@]}")
[ "$kind" = cuda ] || leave_out+=("${gpu_only[@]}")
unzip -q -o "$work"/torch-*.whl 'torch/lib/*' 'torch/include/*' -x "${leave_out[@]}" -d "$work"
for wheel in "$work"/nvidia_*.whl; do unzip -q -o -j "$wheel" '*/lib/*.so*' -d "$work/torch/lib"; done
# Never over files that a running program may have mapped.
cp -a --no-clobber "$work/torch/." "$target/"
touch "$target/$kind.complete"
