#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace gyrus {

/// 2D OpenSimplex noise (the original, not OpenSimplex2), from a seed.
/// Reference: method section 5.4, which gives golden values.
class SimplexNoise {
 public:
  explicit SimplexNoise(std::int64_t seed);

  /// One octave at a point, about [-0.87, 0.87]: the definition that `SimplexField` is tested against.
  double at(double x, double y) const;
  const std::array<std::uint8_t, 256>& permutation() const { return permutation_; }

 private:
  std::array<std::uint8_t, 256> permutation_;
};

/// What the fast paths may use of the processor.
enum class Instructions { baseline, avx2 };

/// The sets of instructions that this machine has, the best one last.
std::span<const Instructions> available_instructions();

/// n(i, j) = sum over o of persistence^o S(x0 + j 2^o / feature_size, y0 + i 2^o / feature_size).
struct SimplexField {
  std::int64_t octaves = 6;
  double persistence = 0.8;
  double feature_size = 64.0;  // pixels; the published code calls it frequency
  double origin_x = 0.0;       // lattice units; 0 reproduces the published code (Q11)
  double origin_y = 0.0;

  /// Many times faster than `SimplexNoise::at` for every pixel: see simplex_field.cpp. In double within 1e-11
  /// of it, in float within 5e-6. Determinism: bit-identical for every set of instructions.
  /// @param out  [rows, columns]
  void fill(const SimplexNoise& noise, std::int64_t rows, std::int64_t columns, double* out,
            Instructions instructions = available_instructions().back()) const;
  void fill(const SimplexNoise& noise, std::int64_t rows, std::int64_t columns, float* out,
            Instructions instructions = available_instructions().back()) const;
};

}  // namespace gyrus
