#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "data/source/table.hpp"

namespace gyrus {

/// The named parts of a text, by name.
using NamedParts = std::map<std::string, std::string>;

/// Whether `text` is as `pattern` says, in which {name} stands for one or more characters, none of them '/':
/// as few as possible, the first part first. A name that stands there twice, or is in `parts` already, is the
/// same text each time. The parts that were found are added to `parts`, which stays as it is when the text is
/// another.
bool match_pattern(const std::string& pattern, const std::string& text, NamedParts& parts);

/// The files below `folder` whose paths are as `pattern` says, in the order of their names: a row each, with
/// its path relative to the folder as column `file` and a column per named part. Only folders on the way of
/// the pattern are looked into, so links that lead round in circles end with the pattern; hidden names (.x)
/// are looked at only where the pattern has a dot.
/// @throws DataError: no such file, a folder that cannot be listed
Table scan_folder(const std::filesystem::path& folder, const std::string& pattern,
                  const std::string& wanted_by);

}  // namespace gyrus
