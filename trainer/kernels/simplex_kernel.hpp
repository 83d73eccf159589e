#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "trainer/kernels/simplex_pixel.hpp"

namespace gyrus {

/// Makes simplex fields on a GPU, on a stream of its own beside those of the training. Determinism:
/// bit-identical to the CPU's (simplex_pixel.hpp). Thread safety: from any thread; calls take turns.
class SimplexKernel {
 public:
  virtual ~SimplexKernel() = default;
  /// Returns when the fields are in memory. @param out  [keys, rows, columns]
  /// @throws Error when the GPU fails
  virtual void fill(std::span<const SimplexDraw> keys, std::int64_t rows, std::int64_t columns,
                    float* out) const = 0;
};

/// @param gpu  its number on this node @throws NotBuiltError in a build without CUDA
std::unique_ptr<SimplexKernel> make_simplex_kernel(const SimplexRecipe& recipe, int gpu);

}  // namespace gyrus
