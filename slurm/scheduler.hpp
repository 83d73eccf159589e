#pragma once

#include <filesystem>
#include <string>

namespace gyrus {

/// Hands a batch script to sbatch and returns the job's id.
/// @throws ConfigError when there is no sbatch, or with sbatch's own words when it refuses
std::string submit_script(const std::filesystem::path& script);

}  // namespace gyrus
