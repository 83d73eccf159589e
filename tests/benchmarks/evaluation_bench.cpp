// Post-processing and scores of one volume of 96x96x50 voxels on one core: erosion, 5x5x5 median, the
// threshold curve with component removal, the binary map's components, and the areas under its curves. The
// median is also run by its definition; the ratio of the two, taken in one run, does not depend on the
// machine.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <ctime>
#include <functional>

#include "data/random.hpp"
#include "tests/trainer/naive_median.hpp"
#include "trainer/evaluation/postprocess.hpp"
#include "trainer/evaluation/threshold_curve.hpp"
#include "trainer/metrics/components.hpp"
#include "trainer/metrics/median_filter.hpp"
#include "trainer/metrics/ranking.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

constexpr int repeats = 5;

/// Processor time of the best of several, in seconds: other programs can only make it longer.
double seconds_of(const std::function<void()>& work) {
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const std::clock_t begin = std::clock();
    work();
    best = std::min(best, static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC);
  }
  return best;
}

/// An ellipsoid of brain with a smooth, noisy residual, and a ball of lesion where it is larger.
struct Example {
  Extent extent{50, 96, 96};
  std::vector<std::uint8_t> mask, lesion;
  std::vector<float> residual;

  Example() {
    Random random(1, Stream::phantom, 0, 0);
    for (std::int64_t z = 0; z < extent.depth; ++z)
      for (std::int64_t y = 0; y < extent.height; ++y)
        for (std::int64_t x = 0; x < extent.width; ++x) {
          const double dz = static_cast<double>(z - 22), dy = static_cast<double>(y - 48),
                       dx = static_cast<double>(x - 48);
          const bool brain = dz * dz / 1600 + dy * dy / 1600 + dx * dx / 1100 < 1.0;
          const bool ill = dz * dz + (dy - 12) * (dy - 12) + (dx + 9) * (dx + 9) < 64.0;
          const double smooth = 0.03 + 0.02 * std::sin(0.3 * dx) * std::cos(0.2 * dy + 0.1 * dz);
          mask.push_back(brain ? 1 : 0);
          lesion.push_back(ill ? 1 : 0);
          residual.push_back(
              brain ? static_cast<float>(std::abs(smooth + (ill ? 0.08 : 0.0) + 0.03 * random.normal()))
                    : 0.0f);
        }
  }
};

void run() {
  const Example example;
  const EvaluationOptions options;
  const auto brain = erode_slices(example.mask, example.extent, 3);
  std::vector<float> confined = example.residual;
  for (std::size_t i = 0; i < confined.size(); ++i) confined[i] *= brain[i];

  std::vector<float> fast, naive;
  const double fast_seconds = seconds_of([&] { fast = median_filter(confined, example.extent, 5); });
  const double naive_seconds = seconds_of([&] { naive = naive_median(confined, example.extent, 5); });
  fmt::print(
      "median 5x5x5 of 96x96x50 voxels ({} in the eroded brain): {:.1f} ms; by definition {:.1f} x that; "
      "{}\n",
      std::count(brain.begin(), brain.end(), 1), 1e3 * fast_seconds, naive_seconds / fast_seconds,
      fast == naive ? "equal" : "NOT EQUAL");

  double best_dice = 0.0;
  const double all = seconds_of([&] {
    EvaluationOptions fixed = options;
    fixed.erosion = 3;
    const auto map = postprocess_map(example.residual, example.mask, example.extent, fixed);
    auto order = ascending_order(map);
    std::ranges::reverse(order);
    const auto curve = threshold_curve(map, example.lesion, order, example.extent, options.min_component);
    auto binary = voxels_above(map, curve.best().threshold, false);
    remove_small_components(binary, example.extent, options.min_component);
    ranking_areas(map, example.lesion, order);
    best_dice = curve.best().value;
  });
  fmt::print(
      "erosion, median, threshold search with components, curves of that volume: {:.1f} ms (Dice {:.3f})\n",
      1e3 * all, best_dice);
}

}  // namespace
}  // namespace gyrus

int main() {
  gyrus::run();
  return 0;
}
