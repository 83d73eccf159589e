#pragma once

#include <string>
#include <vector>

#include "slurm/sweep_ledger.hpp"

namespace gyrus {

/// What `gyrus sweep` prints and writes.
struct SweepTable {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;

  std::string to_csv() const;
  std::string to_markdown() const;
};

/// Trial numbers and what varies.
SweepTable trials_table(const SweepLedger& ledger);

/// Trial numbers, what varies, and how far each trial is.
SweepTable status_table(const SweepLedger& ledger);

/// The last validation of every trial, one row per evaluated set: step, samples, dice, auprc, auroc, loss. A
/// trial without validation has one row with empty cells. Reads metrics.jsonl of each run; of a step that was
/// replayed the last line counts.
SweepTable results_table(const SweepLedger& ledger);

}  // namespace gyrus
