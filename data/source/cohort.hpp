#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "data/exclusions.hpp"
#include "data/options.hpp"
#include "data/volume.hpp"

namespace gyrus {

/// One volume that is to be prepared.
struct CohortEntry {
  std::string set;
  std::string id;
  std::string subject;
  double age = 0.0;  // years; NaN when unknown
  std::string site;  // scanner or hospital; empty when unknown
  std::int64_t label = 0;
  std::filesystem::path image, mask, lesion;     // NIfTI; mask and lesion may be empty
  std::vector<std::int64_t> lesion_labels = {};  // values of `lesion` that are lesion; empty: all but 0
  std::uint64_t phantom_subject = 0;             // number in its set, when generated
};

/// A volume and where it is listed.
struct ListedEntry {
  CohortEntry entry;
  std::string source;  // name of the entry of data.source; empty for the phantom
  std::string place;   // table and line, for messages
};

/// Every row of every source, whatever is wrong with it. @throws DataError: missing folder or table, missing
/// columns, an unusable name of a set, an empty subject or id
std::vector<ListedEntry> list_entries(const DataOptions& options);

/// The rows that are left: each of `exclusions` leaves out one of its source, set and id, the last one first.
/// @throws DataError with the line of one that leaves out nothing
std::vector<ListedEntry> without(std::vector<ListedEntry> rows, const std::vector<Exclusion>& exclusions);

/// All volumes of the configured data set, set after set, without those that `exclusions.csv` in data.root
/// leaves out. What `data.duplicates` and `data.leakage` drop is said in a warning.
/// @throws DataError as list_entries and without; duplicate volumes, a subject in two sets
std::vector<CohortEntry> list_cohort(const DataOptions& options);

/// Reads or generates a volume and prepares it (orientation, crop, intensities, resolution).
/// @throws DataError naming the file
Volume make_volume(const DataOptions& options, const CohortEntry& entry);

}  // namespace gyrus
