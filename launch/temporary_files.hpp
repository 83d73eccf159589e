#pragma once

#include <filesystem>
#include <set>
#include <string>

namespace gyrus {

/// The name under which this process writes `path` before it renames it: of this host and process, so that
/// two hosts with one file system do not meet.
std::filesystem::path temporary_name(const std::filesystem::path& path);

/// Removes what killed processes left of files that they were writing: temporary names of `names` in
/// `folder`.
/// @pre nobody writes these files now
void remove_temporary_files(const std::filesystem::path& folder, const std::set<std::string>& names);

}  // namespace gyrus
