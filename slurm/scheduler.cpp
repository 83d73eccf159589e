#include "slurm/scheduler.hpp"

#include <fmt/format.h>

#include "launch/error.hpp"
#include "slurm/process.hpp"

namespace gyrus {

std::string submit_script(const std::filesystem::path& script) {
  const ProcessResult sbatch = run_and_capture({"sbatch", "--parsable", script.string()});
  if (sbatch.exit_code == 127) {
    throw ConfigError(fmt::format(
        "sbatch cannot be started ({}); run this where SLURM's commands are, or copy {} there and "
        "submit it with sbatch",
        sbatch.errors.substr(0, sbatch.errors.find('\n')), script.string()));
  }
  if (sbatch.exit_code != 0) {
    throw ConfigError(
        fmt::format("sbatch refused {}:\n{}change the options of submit", script.string(), sbatch.errors));
  }
  // "ID" or "ID;CLUSTER"
  return sbatch.output.substr(0, sbatch.output.find_first_of(";\n"));
}

}  // namespace gyrus
