#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "launch/config/config.hpp"

namespace gyrus {

/// `gyrus submit [--dry-run] [override ...]`: freezes the configuration into its run directory, writes
/// job.sbatch there and submits it; prints the job's id. @throws ConfigError, DataError
int submit_verb(const std::vector<std::string>& arguments, const CheckConfig& check);

/// The text at `run.dir`. @throws ConfigError when it is not there
std::filesystem::path run_dir_of(const Config& config);

/// Writes config.yaml (resolved, what `gyrus train --frozen` reads) and Hydra's files into `run_dir`.
/// @throws DataError
void freeze(const Config& config, const std::filesystem::path& run_dir);

}  // namespace gyrus
