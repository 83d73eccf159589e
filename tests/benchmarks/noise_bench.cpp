// Fields of simplex noise per second on one core: pixel by pixel, and by the paths of SimplexField. Not a
// test.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <functional>

#include "tests/support/simplex_reference.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t size = 96;

/// Fields per second: the best of several rounds, since other work on the machine only makes a round slower.
double rate_of(int num_fields, const std::function<void(std::int64_t seed)>& make_field) {
  double best = 0.0;
  for (int round = 0; round < 7; ++round) {
    const auto begin = std::chrono::steady_clock::now();
    for (int seed = 0; seed < num_fields; ++seed) make_field(seed);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
    best = std::max(best, num_fields / seconds.count());
  }
  return best;
}

template <class T>
double rate_of_fill(Instructions instructions) {
  std::vector<T> field(size * size);
  return rate_of(400, [&](std::int64_t seed) {
    SimplexField{}.fill(SimplexNoise(seed), size, size, field.data(), instructions);
  });
}

void run() {
  double sum = 0.0;  // keeps the compiler from leaving the work out
  const double plain = rate_of(
      50, [&](std::int64_t seed) { sum += pointwise_field({}, SimplexNoise(seed), size, size).back(); });
  const auto show = [&](const std::string& name, double rate) {
    fmt::print("simplex noise {0}x{0}, 6 octaves, {1:<26} {2:7.0f} fields/s  {3:5.1f}x\n", size, name, rate,
               rate / plain);
  };
  show("pixel by pixel, double", plain);
  for (const Instructions instructions : available_instructions()) {
    const char* name = instructions == Instructions::avx2 ? "AVX2" : "baseline";
    show(fmt::format("double, {}", name), rate_of_fill<double>(instructions));
    show(fmt::format("float, {}", name), rate_of_fill<float>(instructions));
  }
  if (sum == 0.0) fmt::print("no field was made\n");
}

}  // namespace
}  // namespace gyrus

int main() {
  gyrus::run();
}
