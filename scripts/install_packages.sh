#!/usr/bin/env bash
# Installs the system packages that gyrus is built on and tested with, and those named as arguments. Without root or sudo: lists what is missing and stops.
set -euo pipefail

build="g++ cmake ninja-build ccache pkg-config git ca-certificates curl unzip"
libraries="openmpi-bin libopenmpi-dev libhdf5-dev libyaml-cpp-dev libcli11-dev libspdlog-dev libfmt-dev nlohmann-json3-dev
  libxxhash-dev libdeflate-dev liblz4-dev libzstd-dev libpng-dev zlib1g-dev libnifti2-dev libgtest-dev libgmock-dev"
# The tests run a real SLURM in network namespaces of one machine.
tests="slurmctld slurmd slurm-client munge slurm-wlm-basic-plugins iproute2 uidmap util-linux hdf5-tools zsh fish"
# Only to download LibTorch; nothing of gyrus runs Python.
download="python3 python3-pip"

missing=()
for package in $build $libraries $tests $download "$@"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'install ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=()
elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
  as_root=(sudo)
else
  echo "gyrus needs these packages; ask an administrator to install them, then run this again:" >&2
  echo "  apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "installing: ${missing[*]}" >&2
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
