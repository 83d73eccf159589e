#pragma once

#include <string>
#include <vector>

#include "slurm/sweep_ledger.hpp"
#include "slurm/sweep_table.hpp"

namespace gyrus {

/// The trials' evaluations in the layout of the cDDPM paper: one row per combination of what varies apart
/// from folds and seeds; per set Dice and AUPRC (its table 3), l1 of healthy sets with SSIM and PSNR, and
/// the l1 ratio of sets with lesions (its table 2). A cell is mean +- population standard deviation over the
/// trials of the row, of each trial's mean over patients; Dice, AUPRC and SSIM in per cent, l1 in 1e-3. Reads
/// RUN/evaluation/*/summary.json; of several evaluations with the same overrides that of the last checkpoint
/// counts. No columns where no trial was evaluated. @throws DataError when a summary is damaged
SweepTable evaluation_table(const SweepLedger& ledger);

/// The table as a LaTeX tabular (package booktabs).
std::string to_latex(const SweepTable& table);

}  // namespace gyrus
