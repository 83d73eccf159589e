#include "data/shard/verify.hpp"

#include <fmt/format.h>

#include "data/in_threads.hpp"
#include "data/shard/description.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {

std::string DamagedSlice::message() const {
  return fmt::format("{}: {} of subject {}, slice {} is damaged: {}", file, array, subject, slice, problem);
}

std::vector<DamagedSlice> damaged_slices(const ShardReader& shard, const std::vector<VolumeInfo>& volumes) {
  const ShardLayout& layout = shard.layout();
  std::vector<float> image(static_cast<std::size_t>(layout.height * layout.width));
  std::vector<std::uint8_t> labels(image.size());
  std::vector<DamagedSlice> damaged;
  for (int array = 0; array < 3; ++array) {
    for (std::int64_t chunk = 0; chunk < layout.num_slices(); ++chunk) {
      const Fault fault =
          array == 0 ? shard.read_image(chunk, image.data())
                     : shard.read_labels(static_cast<ShardReader::Array>(array), chunk, labels.data());
      if (!fault) continue;
      const std::int64_t volume = chunk / layout.depth;
      damaged.push_back({shard.path().string(), shard_format::arrays[array], volume, chunk % layout.depth,
                         volumes[static_cast<std::size_t>(volume)].subject, *fault});
    }
  }
  return damaged;
}

ShardProblems verify_shard(const std::filesystem::path& root, const ManifestShard& entry) {
  const auto path = root / entry.file;
  ShardProblems problems;
  try {
    const std::string content = read_file(path);
    if (content.size() == entry.bytes && digest64(content) == entry.digest) return problems;
    if (content.size() != entry.bytes)
      problems.others.push_back(
          fmt::format("{}: has {} bytes, the manifest says {}", path.string(), content.size(), entry.bytes));
    problems.slices = damaged_slices(ShardReader(path, entry.layout), entry.volumes);
    if (problems.empty())
      problems.others.push_back(fmt::format("{}: is damaged outside its slices", path.string()));
  } catch (const DataError& problem) {
    problems.others.push_back(problem.what());
    problems.is_readable = false;
  }
  return problems;
}

std::vector<ShardProblems> verify_shards(const std::filesystem::path& root,
                                         const std::vector<ManifestShard>& entries, std::size_t num_threads) {
  std::vector<ShardProblems> problems(entries.size());
  in_threads(entries.size(), num_threads,
             [&](std::size_t i) { problems[i] = verify_shard(root, entries[i]); });
  return problems;
}

ShardProblems verify_file(const std::filesystem::path& path) {
  ShardProblems problems;
  try {
    const auto description = ShardDescription::of_file(path);
    problems.slices = damaged_slices(ShardReader(path, description.layout), description.volumes);
  } catch (const DataError& problem) {
    problems.others.push_back(problem.what());
    problems.is_readable = false;
  }
  return problems;
}

}  // namespace gyrus
