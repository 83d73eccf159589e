#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/random.hpp"
#include "launch/config/fields.hpp"

namespace gyrus {

struct NoiseOptions {
  std::string kind = "simplex";  // simplex | gaussian
  std::vector<std::int64_t> level = {249, 499,
                                     749};  // timesteps at test time; their reconstructions are averaged
  std::string sharing = "sample";           // sample | batch (Q10)
  std::int64_t octaves = 6;
  double persistence = 0.8;
  double feature_size = 64.0;
  bool random_origin = true;   // Q11
  bool standardise = false;    // Q11
  double mean_offset = 0.0;    // standard deviation of a constant added to each field
  bool round_to_half = false;  // Q12

  void fields(Fields& f);
};

/// Draws noise fields. Determinism: a field depends on the random numbers it is given alone, and is
/// bit-identical whatever vector instructions the machine has. Thread safety: `draw` may be called from any
/// thread.
class NoiseModel {
 public:
  virtual ~NoiseModel() = default;
  /// Writes a field [rows, columns].
  virtual void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const = 0;
};

std::unique_ptr<NoiseModel> make_noise_model(const NoiseOptions& options);

}  // namespace gyrus
