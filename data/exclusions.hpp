#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace gyrus {

/// A list in data.root of volumes to do without, which people may edit: columns source, set, id, reason.
/// `gyrus lint --fix` writes it, whatever lists volumes heeds it.
inline constexpr const char* exclusions_file = "exclusions.csv";

/// One row that is left out, of those that a source lists under this set and id. A volume that is listed
/// twice needs two of these to be left out altogether.
struct Exclusion {
  std::string source;
  std::string set;
  std::string id;
  std::string reason;      // for people
  std::string place = {};  // file and line, for messages; empty when it was not read from one
};

/// Those of data.root; none when there is no list. @throws DataError with the line of a malformed one
std::vector<Exclusion> read_exclusions(const std::filesystem::path& root);

/// Replaces the list by one rename. @throws DataError
void write_exclusions(const std::filesystem::path& root, const std::vector<Exclusion>& exclusions);

/// "3 volumes are left out by PATH"; "" when none is. @throws DataError as read_exclusions
std::string describe_exclusions(const std::filesystem::path& root);

}  // namespace gyrus
