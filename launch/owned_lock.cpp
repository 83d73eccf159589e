#include "launch/owned_lock.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "launch/error.hpp"
#include "launch/topology.hpp"

namespace gyrus {

std::string describe_this_process() {
  std::string boot = "unknown";
  if (std::filesystem::exists("/proc/sys/kernel/random/boot_id"))
    boot = read_file("/proc/sys/kernel/random/boot_id");
  boot.erase(boot.find_last_not_of('\n') + 1);
  const char* job = std::getenv("SLURM_JOB_ID");
  return fmt::format("host {} pid {} boot {}{}", host_name(), ::getpid(), boot,
                     job != nullptr ? fmt::format(" SLURM job {}", job) : "");
}

OwnedLock::OwnedLock(const std::filesystem::path& file) {
  FileDescriptor descriptor(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!descriptor) throw DataError(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
  if (::flock(descriptor.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK)
      throw DataError(fmt::format("cannot lock {}: {}; choose a folder on a file system with locks (flock)",
                                  file.string(), std::strerror(errno)));
    owner_ = read_file(file);
    return;
  }
  const std::string owner = describe_this_process();
  if (::ftruncate(descriptor.get(), 0) != 0 ||
      ::pwrite(descriptor.get(), owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size()))
    throw DataError(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
  descriptor_ = std::move(descriptor);
}

}  // namespace gyrus
