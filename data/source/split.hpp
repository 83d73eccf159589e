#pragma once

#include <string>
#include <vector>

#include "data/source/cohort.hpp"

namespace gyrus {

/// Draws the sets `val_set` and `test_set` of a source: round(share * subjects) of its subjects each, at
/// least one; the others stay where they are. All volumes of a subject go together. Determinism: depends on
/// the subjects' names, the shares and `split_seed` alone.
/// @throws DataError when there are too few subjects
void draw_sets(const SourceOptions& source, const std::string& wanted_by, std::vector<CohortEntry>& entries);

}  // namespace gyrus
