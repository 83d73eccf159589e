#pragma once

#include <filesystem>

#include "trainer/evaluation/evaluator.hpp"

namespace gyrus {

/// Writes one PNG of a volume: five columns (input, reconstruction, residual, binary map, label) and one row
/// per shown slice: those with the most lesion, or the most brain in healthy volumes. @throws DataError
void write_picture(const std::filesystem::path& file, const ScoredVolume& scored, double threshold);

}  // namespace gyrus
