#pragma once

#include <string>
#include <vector>

#include "data/lint/volume_checks.hpp"

namespace gyrus {

/// What is wrong with volumes beside each other.
/// @param facts  of each row
/// @param fold_strata  data.fold_strata
/// Determinism: depends on the arguments alone, and findings come in the order of rows.
std::vector<Finding> check_list(const std::vector<ListedEntry>& rows, const std::vector<VolumeFacts>& facts,
                                const std::vector<std::string>& fold_strata);

/// Whether a line of exclusions can only mean this row, or one that is equal to it: all rows of its source,
/// set and name have the same files and subject.
std::vector<bool> have_clear_names(const std::vector<ListedEntry>& rows);

}  // namespace gyrus
