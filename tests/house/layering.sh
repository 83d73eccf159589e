#!/usr/bin/env bash
# The direction of dependence: slurm -> launch <- data <- trainer; in data, shards and sources know neither each other nor what reads
# them, and what stores bytes knows none of them. LibTorch and the scheduler stay where they belong.
set -uo pipefail
cd "$(dirname "$0")/../.."
bad=$(
  grep -rnE '#include "(data|trainer|slurm)/|#include <(torch|ATen|c10)' launch
  grep -rnE '#include "(trainer|slurm)/|#include <(torch|ATen|c10)' data
  grep -rnE '#include "(data|trainer)/|#include <(torch|ATen|c10)' slurm
  grep -rnE '#include "data/(source|dataset|loader|order)' data/shard
  grep -rnE '#include "data/(shard|dataset|loader|order)' data/source
  grep -rnE '#include "data/' data/storage | grep -v '"data/storage/'
  grep -rnE '#include "trainer/' trainer/kernels | grep -v '"trainer/kernels/'
  grep -rnE '#include "slurm/' trainer | grep -vE '^trainer/(main\.cpp|cli/)'
  grep -rln '#include <torch/torch.h>' --include=*.hpp trainer launch data slurm
)
[ -z "$bad" ] || { echo "against the direction of dependence:"; echo "$bad"; exit 1; }

# Folders share one namespace: two types of one name would be merged by the linker.
twice=$(grep -rhoE '^(class|struct|enum class) [A-Za-z]+[^;]*\{' --include=*.hpp launch data slurm trainer | awk '{ print $1 == "enum" ? $3 : $2 }' | sort | uniq -d)
[ -z "$twice" ] || { echo "defined in two headers: $twice"; exit 1; }
