#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace gyrus {

/// Intensities as 16-bit integers: value = offset + scale * stored, in float32.
struct Quantisation {
  double scale = 0.0;
  double offset = 0.0;

  /// For values in [0, 1], of which both ends are kept exactly.
  static Quantisation unit_range();
  /// For values in [-0.5, 1.5), whatever a spline's overshoot leaves; 0 is kept exactly.
  static Quantisation wide_range();

  bool operator==(const Quantisation&) const = default;
  double lowest() const { return offset; }
  double highest() const { return offset + 65535.0 * scale; }
  /// Largest difference between a value in range and what is read back, float32 rounding included.
  double max_error() const;
};

/// @param name  of the volume, for messages. @throws DataError naming the value that is out of range
void quantise(std::span<const float> values, const Quantisation& quantisation, const std::string& name,
              std::uint16_t* stored);
void restore(std::span<const std::uint16_t> stored, const Quantisation& quantisation, float* values);

}  // namespace gyrus
