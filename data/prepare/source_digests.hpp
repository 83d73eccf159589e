#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <mutex>
#include <string>

namespace gyrus {

/// Digests of the files that volumes are made from. A file whose size and time of change are those of an
/// earlier look is not read again. Thread safety: `of` may be called from any number of threads.
class SourceDigests {
 public:
  static constexpr const char* file_name = "sources.json";  // in data.root

  /// Starts with what `to_json` gave earlier; text that is not of that kind counts as nothing.
  explicit SourceDigests(const std::string& earlier = "");

  /// Whether the text is what `to_json` gives.
  static bool is_of_kind(const std::string& text);

  /// XXH3 of the file's bytes. @throws DataError when it cannot be read
  std::uint64_t of(const std::filesystem::path& file);

  /// What is known of the files asked for, and of those that `earlier` knew and nobody asked for.
  std::string to_json() const;
  /// Takes over what another rank has found out.
  void merge(const std::string& json);

 private:
  struct Known {
    std::uint64_t bytes = 0;
    std::int64_t changed_ns = 0;  // since 1970
    std::uint64_t digest = 0;
  };
  mutable std::mutex mutex_;
  std::map<std::string, Known> known_;
};

}  // namespace gyrus
