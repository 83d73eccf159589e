#pragma once

#include <string>
#include <vector>

#include "data/source/cohort.hpp"

namespace gyrus {

/// Volumes of one name in one set. `policy` fail: an error; drop: only the first stays, with a warning; keep:
/// all stay, the second as NAME-2. @throws DataError
void settle_duplicates(const std::string& policy, std::vector<ListedEntry>& entries);

/// Whether a subject may not be in the sets of both rows.
bool do_conflict(const ListedEntry& a, const ListedEntry& b);

/// Subjects in two sets: of one source, or train and any other, or val and test; two lesion sets of different
/// sources may share subjects. `policy` fail: an error; drop: they stay in the set that tests most (train
/// goes before val, val before test; of two alike the later goes), with a warning; keep: nothing. @throws
/// DataError
void settle_leakage(const std::string& policy, std::vector<ListedEntry>& entries);

}  // namespace gyrus
