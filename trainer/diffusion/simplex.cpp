#include "trainer/diffusion/simplex.hpp"

#include <numeric>

#include "trainer/kernels/simplex_lattice.hpp"

namespace gyrus {
namespace {

std::uint64_t advance(std::uint64_t state) {
  return state * 6364136223846793005ULL + 1442695040888963407ULL;
}

}  // namespace

SimplexNoise::SimplexNoise(std::int64_t seed) {
  // Unsigned arithmetic wraps as the reference's signed 64-bit numbers do.
  std::uint64_t state = advance(advance(advance(static_cast<std::uint64_t>(seed))));
  std::array<std::uint8_t, 256> source;
  std::iota(source.begin(), source.end(), std::uint8_t{0});
  for (int k = 255; k >= 0; --k) {
    state = advance(state);
    std::int64_t r = static_cast<std::int64_t>(state + 31) % (k + 1);
    if (r < 0) r += k + 1;
    permutation_[k] = source[r];
    source[r] = source[k];
  }
}

double SimplexNoise::at(double x, double y) const {
  return simplex_lattice::value_at(permutation_.data(), x, y);
}

}  // namespace gyrus
