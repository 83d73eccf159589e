#!/usr/bin/env bash
# The main job from nothing: installs and builds gyrus, generates brains, trains a small conditioned diffusion model on 2 MPI ranks for a
# few minutes and shows how well it finds lesions it has never seen. A second call finds the run complete.
#   scripts/quickstart.sh [override ...]
set -euo pipefail
cd "$(dirname "$0")/.."
scripts/setup.sh release gyrus
. scripts/mpi_environment.sh

gyrus=build/release/gyrus
"$gyrus" prepare experiment=quickstart "$@"
mpirun -np "${GYRUS_RANKS:-2}" "$gyrus" train experiment=quickstart "$@"
run=$("$gyrus" config show experiment=quickstart "$@" | sed -n '/^run:/,/^[a-z]/s/^  dir: *//p')
compgen -G "$run/evaluation/*/summary.json" >/dev/null || "$gyrus" eval checkpoint="$run" --baselines
