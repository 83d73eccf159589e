#pragma once

#include <string>
#include <vector>

#include "data/lint/volume_checks.hpp"

namespace gyrus {

/// What is wrong with volumes beside each other. What data.leakage and data.duplicates keep or drop is a
/// warning; what they keep is not left out.
/// @param facts  of each row
/// Determinism: depends on the arguments alone, and findings come in the order of rows.
std::vector<Finding> check_list(const std::vector<ListedEntry>& rows, const std::vector<VolumeFacts>& facts,
                                const DataOptions& options);

/// Whether a line of exclusions can only mean this row, or one that is equal to it: all rows of its source,
/// set and name have the same files and subject.
std::vector<bool> have_clear_names(const std::vector<ListedEntry>& rows);

}  // namespace gyrus
