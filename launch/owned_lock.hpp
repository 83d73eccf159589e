#pragma once

#include <filesystem>
#include <string>

#include "launch/files.hpp"

namespace gyrus {

/// A lock of the kernel on a file that names its owner: for folders that one job at a time may write in. The
/// kernel frees it when the process dies; the object does when it goes.
class OwnedLock {
 public:
  /// Takes the lock, or learns who has it. @throws DataError when the file cannot be written, or its file
  /// system has no locks
  explicit OwnedLock(const std::filesystem::path& file);

  bool is_ours() const { return static_cast<bool>(descriptor_); }
  /// Who has it, when it is not ours: host, pid, boot id, SLURM job.
  const std::string& owner() const { return owner_; }

 private:
  FileDescriptor descriptor_;
  std::string owner_;
};

/// This process as locks and state files name it.
std::string describe_this_process();

}  // namespace gyrus
