#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "launch/owned_lock.hpp"

namespace gyrus {

/// The folder of one run, held by one job at a time: a lock of the kernel (freed when its process dies) on
/// run.lock, which also names its owner. Rank 0 makes one. Releases the lock when it goes.
class RunDirectory {
 public:
  /// @throws ConfigError when another job holds it, naming its host, pid and boot id; DataError when it
  /// cannot be written
  explicit RunDirectory(std::filesystem::path folder);

  const std::filesystem::path& path() const { return folder_; }

  /// 1 for the first start in this folder, then 2, 3, ...
  std::int64_t attempt() const { return attempt_; }

  /// Writes state.json. `status`: running | stopped | finished | failed.
  void write_state(const std::string& status, int world_size, std::int64_t step, std::int64_t samples,
                   const std::string& options_digest) const;
  /// Notes in state.json that this attempt failed, and why; the rest stays as written last. Does not throw:
  /// the failure itself matters more.
  void write_failure(const std::string& problem) const noexcept;

 private:
  std::filesystem::path folder_;
  OwnedLock lock_;
  std::int64_t attempt_ = 1;
};

}  // namespace gyrus
