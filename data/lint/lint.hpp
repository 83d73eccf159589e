#pragma once

#include <vector>

#include "data/exclusions.hpp"
#include "data/lint/finding.hpp"
#include "data/lint/volume_checks.hpp"

namespace gyrus {

/// What there is to say about the sources of a data set.
struct LintReport {
  std::vector<ListedEntry> rows;  // without those that are left out
  std::vector<Finding> findings;  // most serious first, those of one check in the order of rows

  std::size_t num_errors() const;
  std::size_t num_warnings() const { return findings.size() - num_errors(); }
};

/// The sources of the configured data set, read once.
class Lint {
 public:
  /// Lists the volumes and reads their files in parallel threads.
  /// @throws DataError as list_entries and read_exclusions; ConfigError when there are no sources to read
  Lint(const DataOptions& options, std::size_t num_threads);

  const LintReport& report() const { return report_; }
  /// Those that are left out: by the list that was there, and by `leave_out`.
  const std::vector<Exclusion>& exclusions() const { return exclusions_; }

  /// Leaves out what is safe to leave out, and writes the list where that is anything:
  /// - volumes that are listed twice, all but the first;
  /// - volumes of the training set whose subject is in another set as well (other sets never change);
  /// - volumes of the training set that cannot be used: unreadable, NaN, constant, no brain.
  /// @return how many volumes. @throws DataError when the list cannot be written
  std::size_t leave_out();

 private:
  void make_report();

  const DataOptions options_;
  std::vector<Exclusion> exclusions_;
  std::vector<VolumeFacts> facts_;  // of the report's rows
  LintReport report_;
};

}  // namespace gyrus
