#pragma once

#include <cmath>
#include <cstdint>

/// Patients' Dice rounded to whole numbers of 2^-40, so that their sum does not depend on the order in which
/// ranks add them.
namespace gyrus::dice_units {

inline constexpr double unit = 0x1p-40;

/// An empty map of a patient without a lesion, whose Dice is not defined (NaN), counts 1.
inline std::int64_t from(double dice) {
  return std::llround((std::isnan(dice) ? 1.0 : dice) / unit);
}

inline double mean(std::int64_t sum, std::int64_t num_patients) {
  return static_cast<double>(sum) * unit / static_cast<double>(num_patients);
}

}  // namespace gyrus::dice_units
