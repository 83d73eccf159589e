#!/usr/bin/env bash
# The direction of dependence: slurm -> launch <- data <- trainer. LibTorch and the scheduler stay where they belong.
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=$(
  grep -rnE '#include "(data|trainer|slurm)/|#include <(torch|ATen|c10)' launch
  grep -rnE '#include "(trainer|slurm)/|#include <(torch|ATen|c10)' data
  grep -rnE '#include "(data|trainer)/|#include <(torch|ATen|c10)' slurm
  grep -rnE '#include "slurm/' trainer | grep -vE '^trainer/(main\.cpp|cli/)'
  grep -rln '#include <torch/torch.h>' --include=*.hpp trainer launch data slurm
)
[ -z "$bad" ] || { echo "against the direction of dependence:"; echo "$bad"; exit 1; }
