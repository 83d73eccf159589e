// Slices per second, each beside the HDF5 library reading the same shards: every codec through the loader
// with 1 and 2 threads, and with the published augmentations, streamed and from the node's cache; with all
// augmentations; and from a disk whose files are not in memory. Usage: loader_bench [FOLDER of a prepared
// data set]; without it a phantom of 96x96 slices is made. Not a test.
#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>

#include "data/loader.hpp"
#include "data/placement/node_cache.hpp"
#include "data/shard/manifest.hpp"
#include "data/storage/h5.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

constexpr int num_repeats = 3;

double seconds_of(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median_of(const std::function<double()>& measure) {
  std::vector<double> values;
  for (int i = 0; i < num_repeats; ++i) values.push_back(measure());
  std::nth_element(values.begin(), values.begin() + num_repeats / 2, values.end());
  return values[num_repeats / 2];
}

/// Images and masks in the order of the file, every shard once.
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
  DataOptions options;
  options.augment = augment;
  options.loader_threads = threads;
  options.prefetch_batches = 8;
  Loader loader(dataset, "train", SampleOrder(*dataset, "train", {.slice_policy = "all_slices"}, 1), options,
                1);
  const double seconds = seconds_of([&] {
    loader.start(0, num_steps, [](std::uint64_t step) {
      return std::pair{batch * step, batch * step + batch};
    });
    for (std::uint64_t step = 0; step < num_steps; ++step) loader.next();
  });
  return static_cast<double>(batch * num_steps) / seconds;
}

/// Takes the files of the data set out of the page cache. @pre they are on the disk, as prepared ones are
void evict(const std::filesystem::path& root) {
  for (const auto& file : std::filesystem::directory_iterator(root)) {
    const FileDescriptor descriptor(::open(file.path().c_str(), O_RDONLY | O_CLOEXEC));
    ::posix_fadvise(descriptor.get(), 0, 0, POSIX_FADV_DONTNEED);
  }
}

/// The slices of one epoch in the order of training, each read when the one before is there.
double one_by_one_rate(const Dataset& dataset) {
  const SampleOrder order(dataset, "train", {.slice_policy = "all_slices"}, 1);
  const auto pixels = static_cast<std::size_t>(dataset.height() * dataset.width());
  const auto num_slices = dataset.volumes("train").size() * static_cast<std::size_t>(dataset.depth());
  std::vector<float> image(pixels);
  std::vector<std::uint8_t> mask(pixels);
  const double seconds = seconds_of([&] {
    for (std::size_t i = 0; i < num_slices; ++i) {
      const Sample sample = order.at(i);
      dataset.read_slice("train", sample.volume, sample.slice, image.data(), mask.data());
    }
  });
  return static_cast<double>(num_slices) / seconds;
}

void run_from_disk(const std::filesystem::path& root) {
  const auto dataset = std::make_shared<const Dataset>(Dataset::open(root));
  const auto num_batches = dataset->volumes("train").size() * static_cast<std::size_t>(dataset->depth()) / 32;
  const double one_by_one = median_of([&] {
    evict(root);
    return one_by_one_rate(*dataset);
  });
  const double ahead = median_of([&] {
    evict(root);
    return loader_rate(dataset, 1, {}, num_batches);
  });
  fmt::print(
      "not in the page cache, deflate, 1 thread: {:.0f} slices/s, {:.2f} x reading one after the other\n",
      ahead, ahead / one_by_one);
}

void run(const std::string& name, const std::filesystem::path& root) {
  const auto dataset = std::make_shared<const Dataset>(Dataset::open(root));
  loader_rate(dataset, 1, {}, 300);  // fills the page cache
  const double library = median_of([&] { return library_rate(root); });
  const auto show = [&](const std::string& what, double rate) {
    fmt::print("{:14} {:40} {:9.0f} slices/s  {:5.2f} x H5Dread\n", name, what, rate, rate / library);
  };
  show("H5Dread, in order", library);
  const AugmentOptions published{.gamma = 0.5, .bias_field = 0.25, .blur = 0.25, .ghosting = 0.5};
  AugmentOptions all = published;
  all.flip = all.elastic = all.invert = 0.25;
  for (const std::int64_t threads : {1, 2}) {
    show(fmt::format("loader, shuffled, {} thread(s)", threads),
         median_of([&] { return loader_rate(dataset, threads, {}, 2000); }));
    show(fmt::format("with augmentation, {} thread(s)", threads),
         median_of([&] { return loader_rate(dataset, threads, published, 100); }));
  }
  const auto cached = std::make_shared<Dataset>(Dataset::open(root));
  cached->read_through("train", std::make_shared<const NodeCache>(*cached, "train", test::world(), 2));
  for (const std::int64_t threads : {1, 2}) {
    show(fmt::format("node cache, {} thread(s)", threads),
         median_of([&] { return loader_rate(cached, threads, {}, 4000); }));
    show(fmt::format("with augmentation, {} thread(s)", threads),
         median_of([&] { return loader_rate(cached, threads, published, 200); }));
    show(fmt::format("with all augmentations, {} thread(s)", threads),
         median_of([&] { return loader_rate(cached, threads, all, 200); }));
  }
}

void run_every_codec() {
  const test::Scratch scratch;
  auto options = test::small_phantom(scratch / "phantom");
  options.image_size = {96, 96, 50};
  options.phantom.train_subjects = 16;
  options.shard_volumes = 16;
  for (const auto& [codec, quantise] : {std::pair{"deflate", "none"},
                                        {"lz4", "uint16"},
                                        {"lz4", "none"},
                                        {"zstd", "none"},
                                        {"none", "none"}}) {
    options.codec = codec;
    options.quantise = quantise;
    options.root = (scratch / fmt::format("{}-{}", codec, quantise)).string();
    prepare_dataset(options, test::world());
    run(fmt::format("{}{}", codec, std::string(quantise) == "none" ? "" : ", uint16"), options.root);
    if (std::string(codec) == "deflate") run_from_disk(options.root);
  }
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  gyrus::log::configure(0, true);
  if (argc > 1)
    gyrus::run("", argv[1]);
  else
    gyrus::run_every_codec();
}
