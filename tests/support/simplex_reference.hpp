#pragma once

#include <vector>

#include "trainer/diffusion/simplex.hpp"

namespace gyrus {

/// The field pixel by pixel, from the definition of one octave at a point. [rows, columns]
inline std::vector<double> pointwise_field(const SimplexField& options, const SimplexNoise& noise,
                                           std::int64_t rows, std::int64_t columns) {
  std::vector<double> field(static_cast<std::size_t>(rows * columns), 0.0);
  double amplitude = 1.0, step = 1.0 / options.feature_size;
  for (std::int64_t octave = 0; octave < options.octaves;
       ++octave, amplitude *= options.persistence, step *= 2.0)
    for (std::int64_t i = 0; i < rows; ++i)
      for (std::int64_t j = 0; j < columns; ++j)
        field[static_cast<std::size_t>(i * columns + j)] +=
            amplitude * noise.at(options.origin_x + static_cast<double>(j) * step,
                                 options.origin_y + static_cast<double>(i) * step);
  return field;
}

}  // namespace gyrus
