#include "data/placement/node_memory.hpp"

#include <fmt/format.h>
#include <sys/vfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <optional>
#include <sstream>
#include <string>

#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t no_limit = std::numeric_limits<std::uint64_t>::max();

/// The number that a file of the kernel begins with; nothing when it is absent or says "max".
std::optional<std::uint64_t> number_in(const fs::path& file) {
  std::ifstream stream(file);
  std::uint64_t number = 0;
  return stream >> number ? std::optional(number) : std::nullopt;
}

std::uint64_t available_by_kernel(const fs::path& root) {
  std::ifstream stream(root / "proc/meminfo");
  for (std::string line; std::getline(stream, line);) {
    std::istringstream words(line);
    std::string name;
    std::uint64_t kib = 0;
    if (words >> name >> kib && name == "MemAvailable:") return kib * 1024;
  }
  return 0;  // unknown: nothing is promised
}

/// What a group, or one that it is in, still allows. Pages of files that could be dropped count as used, so
/// that the answer errs on the careful side.
std::uint64_t allowed_by_groups(const fs::path& top, fs::path group, const char* limit_file,
                                const char* usage_file) {
  std::uint64_t allowed = no_limit;
  for (;; group = group.parent_path()) {
    const fs::path folder = top / group;
    const auto limit = number_in(folder / limit_file);
    const auto usage = number_in(folder / usage_file);
    if (limit && usage) allowed = std::min(allowed, *limit - std::min(*limit, *usage));
    if (group.empty()) return allowed;
  }
}

std::uint64_t allowed_by_control_groups(const fs::path& root) {
  std::ifstream stream(root / "proc/self/cgroup");
  const fs::path top = root / "sys/fs/cgroup";
  std::uint64_t allowed = no_limit;
  for (std::string line; std::getline(stream, line);) {  // ID:CONTROLLERS:/GROUP
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path group = fs::path(line.substr(second + 1)).relative_path();
    if (controllers.empty())
      allowed = std::min(allowed, allowed_by_groups(top, group, "memory.max", "memory.current"));
    else if (controllers.find("memory") != std::string::npos)
      allowed = std::min(allowed, allowed_by_groups(top / "memory", group, "memory.limit_in_bytes",
                                                    "memory.usage_in_bytes"));
  }
  return allowed;
}

struct FileSystemType {
  std::uint64_t magic;
  const char* name;
};

// Numbers of the kernel's and the vendors' headers; not all are in linux/magic.h.
constexpr FileSystemType network_types[] = {
    {0x6969, "nfs"},      {0x0BD00BD0, "lustre"}, {0x47504653, "gpfs"}, {0x19830326, "beegfs"},
    {0x00C36400, "ceph"}, {0xFF534D42, "cifs"},   {0xFE534D42, "smb2"}, {0x5346414F, "afs"},
    {0x65735546, "fuse"}, {0xAAD7AAEA, "panfs"},  {0x01021997, "9p"},   {0x20030528, "orangefs"},
};

}  // namespace

std::uint64_t available_memory(const fs::path& root) {
  return std::min(available_by_kernel(root), allowed_by_control_groups(root));
}

std::uint64_t available_shared_memory(const fs::path& root) {
  std::error_code error;
  const auto space = fs::space(root / "dev/shm", error);
  const std::uint64_t room = error ? 0 : static_cast<std::uint64_t>(space.available);
  return std::min(available_memory(root), room);
}

const char* network_file_system(const fs::path& path) {
  struct statfs status {};
  if (::statfs(path.c_str(), &status) != 0)
    throw DataError(
        fmt::format("cannot look at the file system of {}: {}", path.string(), std::strerror(errno)));
  // The type is signed and of 32 bits on some machines.
  const auto magic = static_cast<std::uint64_t>(status.f_type) & 0xFFFFFFFFu;
  const auto* found = std::find_if(std::begin(network_types), std::end(network_types),
                                   [&](const auto& type) { return type.magic == magic; });
  return found == std::end(network_types) ? "" : found->name;
}

}  // namespace gyrus
