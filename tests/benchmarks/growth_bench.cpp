// How a data set of 10^3 to 2 x 10^6 slices opens and reads: time and memory to open it, and over at least a
// whole epoch the cost per slice in random order and the memory. The shards of a set are one shard under many
// names (hard links), so that the set fits a disk and its content the page cache; the manifest and every
// look-up are of the full size. Not a test.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <fstream>

#include "data/loader.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/writer.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t depth = 50, size = 96, volumes_per_shard = 16;

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double resident_megabytes() {
  ::malloc_trim(0);
  std::ifstream statm("/proc/self/statm");
  std::int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

Volume made_volume(int number) {
  Volume volume;
  volume.set = "train";
  volume.depth = depth;
  volume.height = volume.width = size;
  volume.id = volume.subject = fmt::format("subject-{:06}", number);
  for (std::int64_t i = 0; i < depth * size * size; ++i) {
    volume.image.push_back(static_cast<float>((i * (number + 3)) % 1009) / 1009.0f);
    volume.mask.push_back(1);
  }
  volume.lesion.assign(volume.mask.size(), 0);
  return volume;
}

/// One shard, and a manifest that lists it under `num_shards` names.
void make_set(const std::filesystem::path& root, const std::filesystem::path& shard_file,
              const ManifestShard& shard, std::int64_t num_shards) {
  gyrus::create_directories(root);
  Manifest manifest;
  manifest.name = "growth";
  for (std::int64_t i = 0; i < num_shards; ++i) {
    ManifestShard& listed = manifest.shards.emplace_back(shard);
    listed.file = fmt::format("train-{:05}.h5", i);
    for (std::size_t v = 0; v < listed.volumes.size(); ++v)
      listed.volumes[v].id = listed.volumes[v].subject =
          fmt::format("subject-{:07}", volumes_per_shard * i + v);
    std::filesystem::create_hard_link(shard_file, root / listed.file);
  }
  manifest.write(root);
}

void measure(const std::filesystem::path& root) {
  const double before = resident_megabytes();
  auto begin = std::chrono::steady_clock::now();
  const auto dataset = std::make_shared<const Dataset>(Dataset::open(root));
  const SampleOrder order(*dataset, "train", {.slice_policy = "all_slices"}, 1);
  const double open_seconds = seconds_since(begin);
  const double opened = resident_megabytes() - before;

  constexpr std::uint64_t batch = 32, early_steps = 1500;
  const std::uint64_t epoch_steps = order.samples_per_epoch() / batch;
  const std::uint64_t later_steps = std::max(2 * early_steps, epoch_steps) - early_steps;
  DataOptions options;
  options.loader_threads = 1;
  Loader loader(dataset, "train", order, options, 1);
  const auto read = [&](std::uint64_t first_step, std::uint64_t num_steps) {
    loader.start(first_step, num_steps, [](std::uint64_t step) {
      return std::pair{batch * step, batch * (step + 1)};
    });
    for (std::uint64_t step = 0; step < num_steps; ++step) loader.next();
  };
  read(0, early_steps);
  const double early = resident_megabytes() - before;
  begin = std::chrono::steady_clock::now();
  read(early_steps, later_steps);
  const double microseconds = 1e6 * seconds_since(begin) / static_cast<double>(batch * later_steps);
  fmt::print(
      "{:>9} slices: opened in {:.3f} s with {:.0f} MB; {:.1f} us a slice; {:.0f} MB after {} slices, {:.0f} "
      "MB after "
      "{}\n",
      order.samples_per_epoch(), open_seconds, opened, microseconds, early, batch * early_steps,
      resident_megabytes() - before, batch * (early_steps + later_steps));
}

void run() {
  const test::Scratch scratch;
  ShardWriter writer({.codec = Codec::lz4, .quantisation = Quantisation::unit_range()});
  for (int i = 0; i < volumes_per_shard; ++i) writer.add(writer.encode(made_volume(i)));
  const ManifestShard shard = writer.write(scratch / "shard.h5");
  for (const std::int64_t num_shards : {1, 12, 125, 1250, 2500}) {
    const auto root = scratch / fmt::format("set-{}", num_shards);
    make_set(root, scratch / "shard.h5", shard, num_shards);
    measure(root);
  }
}

}  // namespace
}  // namespace gyrus

int main() {
  gyrus::log::configure(0, true);
  gyrus::run();
}
