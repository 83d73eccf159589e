#include "launch/temporary_files.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <string_view>
#include <vector>

#include "launch/topology.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = ".tmp";

/// Whether the text is HOST.PID, or the PID alone of earlier versions.
bool is_owner(std::string_view text) {
  const std::string_view pid = text.substr(text.find_last_of('.') + 1);
  return !pid.empty() && pid.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

fs::path temporary_name(const fs::path& path) {
  return path.string() + fmt::format("{}{}.{}", mark, host_name(), ::getpid());
}

void remove_temporary_files(const fs::path& folder, const std::set<std::string>& names) {
  std::vector<fs::path> leftovers;
  std::error_code ignored;  // what cannot be listed or removed is in nobody's way
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename().string();
    const std::size_t at = name.find(mark);
    if (at != std::string::npos && names.contains(name.substr(0, at)) &&
        is_owner(std::string_view(name).substr(at + mark.size())))
      leftovers.push_back(entry.path());
  }
  for (const auto& path : leftovers) fs::remove(path, ignored);
}

}  // namespace gyrus
