// Slices per second: through the HDF5 library, through the loader with 1 and 2 threads, and with all
// augmentations. Usage: loader_bench [FOLDER of a prepared data set]; without it a phantom of 96x96
// slices is made. Not a test.
#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "data/loader.hpp"
#include "data/shard/h5.hpp"
#include "data/shard/manifest.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double library_rate(const std::filesystem::path& root) {
  double slices = 0.0;
  const auto manifest = Manifest::read(root);
  const double seconds = seconds_of([&] {
    for (const auto& shard : manifest.shards) {
      const auto file = h5::File::open(root / shard.file);
      file.read<float>("image");
      file.read<std::uint8_t>("mask");
      slices += static_cast<double>(file.shape("image").front());
    }
  });
  return slices / seconds;
}

double loader_rate(const std::shared_ptr<const Dataset>& dataset, std::int64_t threads,
                   const AugmentOptions& augment, std::uint64_t num_steps) {
  constexpr std::uint64_t batch = 32;
  Loader loader(dataset, "train", SampleOrder(*dataset, "train", "all_slices", 0.0, 1), augment, 1, threads,
                8);
  const double seconds = seconds_of([&] {
    loader.start(0, num_steps, [](std::uint64_t step) {
      return std::pair{batch * step, batch * step + batch};
    });
    for (std::uint64_t step = 0; step < num_steps; ++step) loader.next();
  });
  return static_cast<double>(batch * num_steps) / seconds;
}

void run(const std::filesystem::path& root) {
  const auto dataset = std::make_shared<const Dataset>(Dataset::open(root));
  fmt::print("{}: slices of {}x{}\n", root.string(), dataset->height(), dataset->width());
  loader_rate(dataset, 1, {}, 300);  // fills the page cache
  const double library = library_rate(root);
  const auto show = [&](const std::string& name, double rate) {
    fmt::print("{:36} {:9.0f} slices/s  {:5.2f}x\n", name, rate, rate / library);
  };
  show("H5Dread, in order", library);
  const AugmentOptions published{.gamma = 0.5, .bias_field = 0.25, .blur = 0.25, .ghosting = 0.5};
  for (const std::int64_t threads : {1, 2}) {
    show(fmt::format("loader, shuffled, {} thread(s)", threads), loader_rate(dataset, threads, {}, 1000));
    show(fmt::format("the same with augmentation"), loader_rate(dataset, threads, published, 100));
  }
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  const gyrus::test::Scratch scratch;
  if (argc > 1) {
    gyrus::run(argv[1]);
    return 0;
  }
  auto options = gyrus::test::small_phantom(scratch / "phantom");
  options.image_size = {96, 96, 16};
  options.phantom.train_subjects = 24;
  options.shard_volumes = 16;
  gyrus::prepare_dataset(options, gyrus::test::world());
  gyrus::run(options.root);
}
