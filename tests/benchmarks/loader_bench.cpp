// Slices per second of the loader alone, reading a prepared data set: all slices, no augmentation and all
// augmentations.
//   loader_bench DATA_ROOT
#include <fmt/format.h>

#include <chrono>
#include <memory>

#include "data/dataset.hpp"
#include "data/loader.hpp"
#include "launch/error.hpp"

namespace {

double slices_per_second(const std::shared_ptr<const gyrus::Dataset>& dataset,
                         const gyrus::AugmentOptions& augment, int threads, std::uint64_t steps) {
  constexpr std::uint64_t batch = 32;
  gyrus::Loader loader(dataset, "train", gyrus::SampleOrder(*dataset, "train", "all_slices", 0.0, 1), augment,
                       1, threads, 8);
  const auto start = std::chrono::steady_clock::now();
  loader.start(0, steps, [](std::uint64_t step) { return std::pair{step * batch, (step + 1) * batch}; });
  for (std::uint64_t step = 0; step < steps; ++step) loader.next();
  return static_cast<double>(steps * batch) /
         std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

int main(int argc, char** argv) {
  try {
    gyrus::require(argc == 2, "usage: loader_bench DATA_ROOT");
    const auto dataset =
        std::make_shared<const gyrus::Dataset>(gyrus::Dataset::open(std::filesystem::path(argv[1])));
    gyrus::AugmentOptions all;
    all.gamma = all.bias_field = all.blur = all.ghosting = 1.0;
    slices_per_second(dataset, {}, 1, 50);  // page cache
    const double one = slices_per_second(dataset, {}, 1, 400), two = slices_per_second(dataset, {}, 2, 400);
    const double augmented = slices_per_second(dataset, all, 1, 20);
    fmt::print(
        "loader alone, {}x{} slices: {:.0f} slices/s on 1 thread, {:.0f} on 2 ({:.2f}x), all augmentations "
        "{:.0f} on 1 thread\n",
        dataset->height(), dataset->width(), one, two, two / one, augmented);
  } catch (const gyrus::Error& error) {
    fmt::print(stderr, "{}\n", error.what());
    return static_cast<int>(error.code());
  }
}
