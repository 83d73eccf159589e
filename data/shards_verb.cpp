#include "data/shards_verb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/reader.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/exit_code.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

/// Sums over the volumes of one set.
json summary_of_set(const Manifest& manifest, const std::string& set) {
  std::int64_t volumes = 0, slices = 0, brain = 0, lesion = 0, pixels = 0, lesion_volumes = 0, shards = 0;
  std::uint64_t bytes = 0;
  for (const auto& shard : manifest.shards) {
    if (shard.set != set) continue;
    ++shards;
    bytes += shard.bytes;
    for (const auto& volume : shard.volumes) {
      ++volumes;
      slices += volume.depth;
      pixels += volume.depth * volume.height * volume.width;
      lesion_volumes += volume.label != 0;
      for (const auto count : volume.brain_pixels) brain += count;
      for (const auto count : volume.lesion_pixels) lesion += count;
    }
  }
  return {
      {"set", set},
      {"shards", shards},
      {"volumes", volumes},
      {"lesion_volumes", lesion_volumes},
      {"slices", slices},
      {"bytes", bytes},
      {"bytes_per_slice", slices == 0 ? 0.0 : static_cast<double>(bytes) / static_cast<double>(slices)},
      {"brain_share", pixels == 0 ? 0.0 : static_cast<double>(brain) / static_cast<double>(pixels)},
      {"lesion_share_of_brain", brain == 0 ? 0.0 : static_cast<double>(lesion) / static_cast<double>(brain)}};
}

json summaries(const Manifest& manifest) {
  std::vector<std::string> sets;
  for (const auto& shard : manifest.shards) {
    if (std::find(sets.begin(), sets.end(), shard.set) == sets.end()) sets.push_back(shard.set);
  }
  json result = json::array();
  for (const auto& set : sets) result.push_back(summary_of_set(manifest, set));
  return result;
}

int list_shards(const std::filesystem::path& root, bool as_json) {
  const auto manifest = Manifest::read(root);
  if (as_json) {
    json shards = json::array();
    for (const auto& shard : manifest.shards) {
      shards.push_back({{"file", shard.file},
                        {"set", shard.set},
                        {"volumes", shard.volumes.size()},
                        {"bytes", shard.bytes},
                        {"digest", to_hex(shard.digest)}});
    }
    std::puts(shards.dump(1).c_str());
    return 0;
  }
  fmt::print("{:24} {:>16} {:>8} {:>12}  {}\n", "file", "set", "volumes", "bytes", "digest");
  for (const auto& shard : manifest.shards) {
    fmt::print("{:24} {:>16} {:>8} {:>12}  {}\n", shard.file, shard.set, shard.volumes.size(), shard.bytes,
               to_hex(shard.digest));
  }
  return 0;
}

int show_statistics(const std::filesystem::path& root, bool as_json) {
  const auto manifest = Manifest::read(root);
  const auto sets = summaries(manifest);
  if (as_json) {
    std::puts(json({{"name", manifest.name},
                    {"preparation", manifest.preparation},
                    {"folders", manifest.folders},
                    {"sets", sets}})
                  .dump(1)
                  .c_str());
    return 0;
  }
  fmt::print("{} (shard format {})\n", manifest.name, shard_format::version);
  for (const auto& [name, value] : manifest.preparation) fmt::print("  {} = {}\n", name, value);
  fmt::print("{:16} {:>8} {:>8} {:>8} {:>12} {:>12} {:>8} {:>8}\n", "set", "volumes", "lesions", "slices",
             "bytes", "bytes/slice", "brain", "lesion");
  for (const auto& set : sets) {
    fmt::print("{:16} {:>8} {:>8} {:>8} {:>12} {:>12.0f} {:>7.1f}% {:>7.2f}%\n",
               set["set"].get<std::string>(), set["volumes"].get<std::int64_t>(),
               set["lesion_volumes"].get<std::int64_t>(), set["slices"].get<std::int64_t>(),
               set["bytes"].get<std::int64_t>(), set["bytes_per_slice"].get<double>(),
               100.0 * set["brain_share"].get<double>(), 100.0 * set["lesion_share_of_brain"].get<double>());
  }
  return 0;
}

/// What is wrong with one shard of a data set, chunk by chunk, then byte by byte.
std::vector<std::string> problems_of(const std::filesystem::path& root, const ManifestShard& entry) {
  const auto path = root / entry.file;
  try {
    const std::string content = read_file(path);
    if (content.size() == entry.bytes && digest64(content) == entry.digest) return {};
    if (content.size() != entry.bytes) {
      return {
          fmt::format("{}: has {} bytes, the manifest says {}", path.string(), content.size(), entry.bytes)};
    }
    auto problems = ShardReader::open(path).damaged_slices();
    if (problems.empty()) problems.push_back(fmt::format("{}: is damaged outside its slices", path.string()));
    return problems;
  } catch (const DataError& problem) {
    return {problem.what()};
  }
}

int verify(const std::filesystem::path& path, bool as_json) {
  std::vector<std::string> problems;
  std::size_t num_shards = 1;
  if (std::filesystem::is_directory(path)) {
    const auto manifest = Manifest::read(path);
    num_shards = manifest.shards.size();
    for (const auto& shard : manifest.shards) {
      for (auto& problem : problems_of(path, shard)) problems.push_back(std::move(problem));
    }
  } else {
    problems = ShardReader::open(path).damaged_slices();
  }
  if (as_json) {
    std::puts(json({{"path", path.string()},
                    {"shards", num_shards},
                    {"valid", problems.empty()},
                    {"problems", problems}})
                  .dump(1)
                  .c_str());
  } else {
    for (const auto& problem : problems) log::error("{}", problem);
    fmt::print("{}: {} shard{}, {}\n", path.string(), num_shards, num_shards == 1 ? "" : "s",
               problems.empty() ? "no damage" : fmt::format("{} problems", problems.size()));
  }
  return static_cast<int>(problems.empty() ? ExitCode::finished : ExitCode::data);
}

}  // namespace

int shards_verb(const std::vector<std::string>& arguments) {
  CLI::App app("Looks at prepared shards: ls lists them, stat sums them up, verify reads every byte.",
               "gyrus shards");
  std::string action, path;
  bool as_json = false;
  app.add_option("action", action, "ls, verify or stat")
      ->required()
      ->check(CLI::IsMember({"ls", "verify", "stat"}));
  app.add_option("path", path, "folder of a prepared data set; verify also takes one shard")->required();
  app.add_flag("--json", as_json, "print JSON");
  if (!parse_arguments(app, arguments)) return 0;
  if (action == "ls") return list_shards(path, as_json);
  if (action == "stat") return show_statistics(path, as_json);
  return verify(path, as_json);
}

}  // namespace gyrus
