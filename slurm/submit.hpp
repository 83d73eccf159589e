#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "launch/config/config.hpp"

namespace gyrus {

/// Walks every option of the program, so that a verb can check a whole configuration before it starts
/// anything.
using VisitOptions = std::function<void(Fields&)>;

/// `gyrus submit [--dry-run] [override ...]`: freezes the configuration into its run directory, writes
/// job.sbatch there and submits it; prints the job's id. @throws ConfigError, DataError
int submit_verb(const std::vector<std::string>& arguments, const VisitOptions& visit_all_options);

/// @throws ConfigError when an option is unknown or wrong
void check_options(const Config& config, const VisitOptions& visit_all_options);

/// The text at `run.dir`. @throws ConfigError when it is not there
std::filesystem::path run_dir_of(const Config& config);

/// Writes config.yaml (resolved, what `gyrus train --frozen` reads) and overrides.yaml into `run_dir`.
/// @throws DataError
void freeze(const Config& config, const std::vector<std::string>& overrides,
            const std::filesystem::path& run_dir);

}  // namespace gyrus
