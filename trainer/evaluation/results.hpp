#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/error.hpp"
#include "trainer/evaluation/patient_scores.hpp"
#include "trainer/metrics/statistics.hpp"

namespace gyrus {

/// What a set was evaluated for; part of every row.
enum class Stage { validation, test, reconstruction };
std::string name_of(Stage stage);

/// One patient's line of the tables.
struct PatientRow {
  std::string method, set, stage, patient, subject;
  Numbers numbers;  // NaN where not defined

  /// NaN when there is no number of that name.
  double at(const std::string& name) const;
};

/// One slice's line.
struct SliceRow {
  std::string method, set, stage, patient;
  SliceScore score;
};

/// Joins the rows of all ranks in the order of the set's volumes, of which rank r of n holds r, r + n, r + 2
/// n and so on, each with `per_volume` rows.
template <class Row>
std::vector<Row> in_volume_order(const std::vector<std::vector<Row>>& shares, std::size_t per_volume) {
  std::vector<Row> joined;
  std::size_t longest = 0;
  for (const auto& share : shares) longest = std::max(longest, share.size());
  require(per_volume > 0 || longest == 0, "a volume has rows where there are any");
  for (std::size_t first = 0; first < longest; first += per_volume)
    for (const auto& share : shares)
      for (std::size_t i = first; i < std::min(first + per_volume, share.size()); ++i)
        joined.push_back(share[i]);
  return joined;
}

/// Means over the patients of a set.
struct NumberSummary {
  std::string name;
  MeanAndDeviation over_patients;
  Interval interval;  // 95 % of the mean, bootstrap over patients
};
struct SetSummary {
  std::string method, set, stage;
  std::string threshold_set;                         // empty: scored without a threshold
  std::optional<double> threshold;                   // none: each volume had its own
  std::vector<std::array<double, 7>> search_rounds;  // of an interval search
  std::int64_t patients = 0;
  Numbers totals;                      // of the set as a whole
  std::vector<NumberSummary> numbers;  // those with at least one finite value
};

/// Means, intervals and totals of the rows of one set. Determinism: depends on the rows in their order.
SetSummary summarise_rows(const std::vector<PatientRow>& rows, std::int64_t bootstrap_samples,
                          std::uint64_t seed);

/// JSON arrays, one object per row; numbers that are not finite are null. Reading gives back the same numbers
/// bit for bit. @throws DataError naming `where`
std::string to_json(const std::vector<PatientRow>& rows);
std::vector<PatientRow> rows_of_json(const std::string& text, const std::string& where);
std::string to_json(const std::vector<SliceRow>& rows);
std::vector<SliceRow> slice_rows_of_json(const std::string& text, const std::string& where);

/// What was evaluated, for tables over many evaluations: `overrides` of the command line, and the folders of
/// configurations that it names.
std::string to_json(const std::vector<SetSummary>& summaries, const std::vector<std::string>& overrides);

std::string to_csv(const std::vector<PatientRow>& rows);
std::string to_csv(const std::vector<SliceRow>& rows);

/// A table for the terminal.
std::string to_text(const std::vector<SetSummary>& summaries);

}  // namespace gyrus
