#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

struct SweepTrial {
  int number = 0;
  std::vector<std::string> overrides;  // of the varying keys
  std::filesystem::path run_dir;       // absolute
  std::string status = "waiting";      // waiting|submitted|running|stopped|finished|failed
  int exit_code = 0;                   // of a local trial that ended
};

/// sweep.json: what a sweep consists of and, for local trials, how far it is. Format 1.
struct SweepLedger {
  std::string name;
  std::string launcher;  // local|slurm
  std::string job;       // id of the job array
  std::vector<std::string> varying_keys;
  std::vector<SweepTrial> trials;

  static constexpr const char* file_name = "sweep.json";
  /// @throws DataError when there is none or it is damaged
  static SweepLedger read(const std::filesystem::path& folder);
  /// Atomic. @throws DataError
  void write(const std::filesystem::path& folder) const;

  /// What a trial's own state.json says, once it has one; else what the ledger says.
  static std::string status_of(const SweepTrial& trial);
};

}  // namespace gyrus
