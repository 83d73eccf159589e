#include "launch/error.hpp"
#include "trainer/kernels/simplex_kernel.hpp"

namespace gyrus {

std::unique_ptr<SimplexKernel> make_simplex_kernel(const SimplexRecipe&, int) {
  throw NotBuiltError(
      "noise.device=cuda, but this gyrus was built without CUDA: build the preset `cuda` (scripts/setup.sh "
      "cuda), or set noise.device=cpu");
}

}  // namespace gyrus
