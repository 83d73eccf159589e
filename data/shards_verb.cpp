#include "data/shards_verb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/shard/foreign.hpp"
#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/quarantine.hpp"
#include "data/shard/repack.hpp"
#include "data/shard/verify.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/exit_code.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

std::size_t num_threads() {
  return static_cast<std::size_t>(usable_cores());
}

/// Paths need not be UTF-8, and JSON must be.
void print_json(const json& document) {
  std::puts(document.dump(1, ' ', false, json::error_handler_t::replace).c_str());
}

std::string counted(std::size_t count, const char* noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

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
      brain += volume.brain_voxels;
      lesion += volume.lesion_voxels;
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
                        {"codec", codec_name(shard.layout.codec)},
                        {"quantise", shard.layout.quantisation ? "uint16" : "none"},
                        {"digest", to_hex(shard.digest)}});
    }
    print_json(shards);
    return 0;
  }
  fmt::print("{:24} {:>16} {:>8} {:>12} {:>15}  {}\n", "file", "set", "volumes", "bytes", "codec", "digest");
  for (const auto& shard : manifest.shards) {
    const std::string codec = codec_name(shard.layout.codec) + (shard.layout.quantisation ? ", uint16" : "");
    fmt::print("{:24} {:>16} {:>8} {:>12} {:>15}  {}\n", shard.file, shard.set, shard.volumes.size(),
               shard.bytes, codec, to_hex(shard.digest));
  }
  return 0;
}

int show_statistics(const std::filesystem::path& root, bool as_json) {
  const auto manifest = Manifest::read(root);
  const auto sets = summaries(manifest);
  if (as_json) {
    print_json({{"name", manifest.name},
                {"preparation", manifest.preparation},
                {"folders", manifest.folders},
                {"sets", sets}});
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

/// What `shards verify` has found.
struct Verified {
  std::vector<std::string> problems;
  std::vector<std::string> advice;
  std::size_t num_shards = 1;
  bool every_byte = true;  // false: no manifest vouches for more than slices and their index
};

/// The entry of a single shard in the manifest beside it; none when no manifest lists it.
std::optional<ManifestShard> entry_beside(const std::filesystem::path& shard) {
  const auto folder = std::filesystem::absolute(shard).parent_path();
  if (!std::filesystem::exists(folder / shard_format::manifest_file)) return std::nullopt;
  try {
    for (auto& entry : Manifest::read(folder).shards)
      if (entry.file == shard.filename()) return std::move(entry);
  } catch (const DataError& problem) {
    log::warning("{}; {} is looked at without it", problem.what(), shard.string());
  }
  return std::nullopt;
}

/// @param files  of the shards that `found` is about
Verified sum_up(const std::filesystem::path& folder, const std::vector<std::string>& files,
                const std::vector<ShardProblems>& found) {
  Verified result;
  result.num_shards = files.size();
  std::string damaged_elsewhere;
  bool has_slices = false;
  for (std::size_t i = 0; i < found.size(); ++i) {
    for (const auto& slice : found[i].slices) result.problems.push_back(slice.message());
    result.problems.insert(result.problems.end(), found[i].others.begin(), found[i].others.end());
    has_slices = has_slices || (!found[i].slices.empty() && found[i].others.empty());
    if (!found[i].others.empty()) damaged_elsewhere += (damaged_elsewhere.empty() ? "" : ", ") + files[i];
  }
  if (has_slices)
    result.advice.push_back(fmt::format(
        "damaged slices: `gyrus shards quarantine {}` lists them, then `gyrus prepare` makes their "
        "shards again; until then trainings do without them",
        folder.string()));
  if (!damaged_elsewhere.empty())
    result.advice.push_back(fmt::format(
        "missing, or damaged outside slices: delete what is there of {} and run `gyrus prepare`, which "
        "makes it again",
        damaged_elsewhere));
  return result;
}

Verified verify_path(const std::filesystem::path& path) {
  if (std::filesystem::is_directory(path)) {
    const auto shards = Manifest::read(path).shards;
    std::vector<std::string> files;
    for (const auto& shard : shards) files.push_back(shard.file);
    return sum_up(path, files, verify_shards(path, shards, num_threads()));
  }
  const auto folder = std::filesystem::absolute(path).parent_path();
  const auto entry = entry_beside(path);
  auto result =
      sum_up(folder, {path.filename().string()}, {entry ? verify_shard(folder, *entry) : verify_file(path)});
  result.every_byte = entry.has_value();
  if (!entry) result.advice.clear();  // it may be of any folder
  return result;
}

int verify(const std::filesystem::path& path, bool as_json) {
  if (!std::filesystem::exists(path)) throw DataError(fmt::format("{} does not exist", path.string()));
  const Verified found = verify_path(path);
  if (as_json) {
    print_json({{"path", path.string()},
                {"shards", found.num_shards},
                {"valid", found.problems.empty()},
                {"every_byte", found.every_byte},
                {"problems", found.problems},
                {"advice", found.advice}});
  } else {
    for (const auto& problem : found.problems) log::error("{}", problem);
    fmt::print(
        "{}: {}, {}{}\n", path.string(), counted(found.num_shards, "shard"),
        found.problems.empty() ? "no damage" : counted(found.problems.size(), "problem"),
        found.every_byte ? "" : "; no manifest lists it, so only its slices and their index were checked");
    for (const auto& advice : found.advice) fmt::print("{}\n", advice);
  }
  return static_cast<int>(found.problems.empty() ? ExitCode::finished : ExitCode::data);
}

/// What was typed.
struct Arguments {
  std::string path, target, codec = "deflate", quantise;
  std::int64_t shard_volumes = 0;
  bool as_json = false, clear = false;
};

/// These actions need a manifest.
void refuse_foreign(const std::filesystem::path& root) {
  if (is_foreign(root))
    throw DataError(fmt::format(
        "{} has HDF5 files of another program: make shards of them with `gyrus shards repack {} NEW`",
        root.string(), root.string()));
}

int repack_shards(const Arguments& given) {
  const auto begin = std::chrono::steady_clock::now();
  repack(given.path, given.target,
         {.codec = codec_named(given.codec),
          .quantises = given.quantise.empty() ? std::nullopt : std::optional(given.quantise == "uint16"),
          .shard_volumes = given.shard_volumes,
          .num_threads = num_threads()});
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  std::uint64_t bytes = 0;
  const auto manifest = Manifest::read(given.target);
  for (const auto& shard : manifest.shards) bytes += shard.bytes;
  fmt::print("{}: {}, {:.1f} MB, {}{}, in {:.1f} s\n", given.target, counted(manifest.shards.size(), "shard"),
             static_cast<double>(bytes) / 1e6, given.codec,
             manifest.shards.front().layout.quantisation ? ", uint16" : "", seconds.count());
  return 0;
}

int quarantine_slices(const Arguments& given) {
  if (given.clear) {
    write_quarantine(given.path, {});
    fmt::print("{}: no slice is in quarantine\n", given.path);
    return 0;
  }
  const auto slices = find_unreadable(given.path, num_threads());
  write_quarantine(given.path, slices);
  for (const auto& slice : slices)
    fmt::print("{}: subject {}, slice {}: {}\n", slice.shard, slice.subject, slice.slice, slice.reason);
  fmt::print("{}: {} slice{} in quarantine; a training shows others in their place\n", given.path,
             slices.size(), slices.size() == 1 ? " is" : "s are");
  return 0;
}

}  // namespace

int shards_verb(const std::vector<std::string>& arguments) {
  CLI::App app("Looks at prepared shards, mends and converts them", "gyrus shards");
  app.require_subcommand(1);
  Arguments given;
  const auto command = [&](const char* name, const char* summary, const char* path_help) {
    CLI::App* const added = app.add_subcommand(name, summary);
    added->add_option("path", given.path, path_help)->required();
    return added;
  };
  const char* const data_set = "folder of a prepared data set";
  auto* const ls = command("ls", "list the shards", data_set);
  auto* const stat = command("stat", "sum up the sets", data_set);
  auto* const check =
      command("verify",
              "read every byte and name what is damaged; without a manifest that lists it, of one shard "
              "only the slices and their index",
              "such a folder, or one shard");
  for (auto* const one : {ls, stat, check}) one->add_flag("--json", given.as_json, "print JSON");

  auto* const repacking =
      command("repack",
              "write the same slices as new shards, in another codec or from HDF5 files of "
              "another program",
              "folder of a prepared data set, or of such files");
  repacking->add_option("target", given.target, "new folder")->required();
  repacking->add_option("--codec", given.codec, "none, deflate, lz4 or zstd")
      ->check(CLI::IsMember(std::vector<std::string>(std::begin(codec_names), std::end(codec_names))))
      ->capture_default_str();
  repacking
      ->add_option("--quantise", given.quantise,
                   "uint16: keep intensities as 16-bit integers; none: refuse a source that has them so; "
                   "without it as the source has them")
      ->check(CLI::IsMember({"none", "uint16"}));
  repacking
      ->add_option("--shard-volumes", given.shard_volumes,
                   "volumes per shard; without it as the source has them")
      ->check(CLI::PositiveNumber);

  auto* const quarantine = command(
      "quarantine", "list the slices that cannot be read, so that trainings do without them", data_set);
  quarantine->add_flag("--clear", given.clear, "take every slice out of quarantine");

  if (!parse_arguments(app, arguments)) return 0;
  if (*repacking) return repack_shards(given);
  refuse_foreign(given.path);
  if (*ls) return list_shards(given.path, given.as_json);
  if (*stat) return show_statistics(given.path, given.as_json);
  if (*check) return verify(given.path, given.as_json);
  return quarantine_slices(given);
}

}  // namespace gyrus
