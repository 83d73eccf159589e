#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "trainer/evaluation/results.hpp"

namespace gyrus {

/// One number of two evaluations over the patients that both have.
struct PairedComparison {
  std::string method, set, number;
  std::int64_t pairs = 0;
  double mean_a = 0.0, mean_b = 0.0;  // over the pairs
  WilcoxonResult test;                // of b - a
};

/// Compares the test and reconstruction rows of two evaluations, paired by (method, set, patient); values
/// that are not defined in either drop their pair. @throws DataError when no patient is in both
std::vector<PairedComparison> compare_rows(const std::vector<PatientRow>& a,
                                           const std::vector<PatientRow>& b);

/// The folder with patients.json that `path` names: itself, or the only evaluation of a run folder.
/// @throws DataError: none; ConfigError: several, which it lists
std::filesystem::path find_results(const std::filesystem::path& path);

std::string to_json(const std::vector<PairedComparison>& comparisons);
/// A table for the terminal.
std::string to_text(const std::vector<PairedComparison>& comparisons);

}  // namespace gyrus
