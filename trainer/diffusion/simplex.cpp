#include "trainer/diffusion/simplex.hpp"

#include <cmath>
#include <numeric>

namespace gyrus {
namespace {

using namespace simplex_lattice;

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
  const double shift = (x + y) * stretch;
  const double u = x + shift, v = y + shift;
  const double floor_u = std::floor(u), floor_v = std::floor(v);
  const auto i0 = static_cast<std::int64_t>(floor_u), j0 = static_cast<std::int64_t>(floor_v);
  const double a = u - floor_u, b = v - floor_v, w = a + b;
  const double dx = x - (floor_u + (floor_u + floor_v) * squish),
               dy = y - (floor_v + (floor_u + floor_v) * squish);

  double total = 0.0;
  const auto add = [&](std::int64_t p, std::int64_t r, double ex, double ey) {
    const double attenuation = kernel_squared_radius - ex * ex - ey * ey;
    if (attenuation <= 0.0) return;
    const std::size_t index = gradient_of(p, r);
    const double squared = attenuation * attenuation;
    total += squared * squared * (gradients[index] * ex + gradients[index + 1] * ey);
  };
  add(i0 + 1, j0, dx - 1.0 - squish, dy - squish);
  add(i0, j0 + 1, dx - squish, dy - 1.0 - squish);
  const double far_x = dx - 1.0 - 2.0 * squish, far_y = dy - 1.0 - 2.0 * squish;
  if (w <= 1.0) {
    add(i0, j0, dx, dy);
    const double z = 1.0 - w;
    if (!(z > a || z > b))
      add(i0 + 1, j0 + 1, far_x, far_y);
    else if (a > b)
      add(i0 + 1, j0 - 1, dx - 1.0, dy + 1.0);
    else
      add(i0 - 1, j0 + 1, dx + 1.0, dy - 1.0);
  } else {
    add(i0 + 1, j0 + 1, far_x, far_y);
    const double z = 2.0 - w;
    if (!(z < a || z < b))
      add(i0, j0, dx, dy);
    else if (a > b)
      add(i0 + 2, j0, dx - 2.0 - 2.0 * squish, dy - 2.0 * squish);
    else
      add(i0, j0 + 2, dx - 2.0 * squish, dy - 2.0 - 2.0 * squish);
  }
  return total / normalisation;
}

}  // namespace gyrus
