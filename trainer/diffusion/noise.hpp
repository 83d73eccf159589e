#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "data/random.hpp"
#include "launch/config/fields.hpp"

namespace gyrus {

struct SimplexDraw;

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
  std::string device = "cpu";  // cpu | cuda: what makes the fields of training steps

  void fields(Fields& f);
  /// @throws ConfigError
  void validate() const;
};

/// Draws noise fields. Determinism: a field depends on the random numbers it is given alone, and is
/// bit-identical whatever vector instructions the machine has. Thread safety: `draw` may be called from any
/// thread.
class NoiseModel {
 public:
  virtual ~NoiseModel() = default;
  /// Writes a field [rows, columns].
  virtual void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const = 0;
  /// Writes a field for each of the keys, [keys, rows, columns].
  virtual void draw_fields(std::span<const Random> keys, std::int64_t rows, std::int64_t columns,
                           float* out) const;
};

/// On the CPU, whatever noise.device says.
std::unique_ptr<NoiseModel> make_noise_model(const NoiseOptions& options);

/// For training steps: where noise.device says. Determinism: fields are bit-identical on either.
/// @param device  of the training @throws ConfigError, NotBuiltError
std::unique_ptr<NoiseModel> make_training_noise(const NoiseOptions& options, torch::Device device);

/// That fields can be made where noise.device says. @param device  of the training @throws ConfigError
void check_noise_device(const NoiseOptions& options, torch::Device device);

/// The random choices of a simplex field, made on the CPU wherever the field is.
SimplexDraw draw_simplex_draw(const NoiseOptions& options, Random random);

}  // namespace gyrus
