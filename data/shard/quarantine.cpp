#include "data/shard/quarantine.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "data/json_text.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/verify.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

constexpr const char* quarantine_file = "quarantine.json";
constexpr const char* quarantine_format = "gyrus-quarantine";

/// All slices of a shard of which not even the tables can be read.
void add_whole(const ManifestShard& shard, const std::string& reason, std::vector<QuarantinedSlice>& slices) {
  for (std::int64_t volume = 0; volume < shard.layout.num_volumes; ++volume)
    for (std::int64_t slice = 0; slice < shard.layout.depth; ++slice)
      slices.push_back(
          {shard.file, volume, slice, shard.volumes[static_cast<std::size_t>(volume)].subject, reason});
}

}  // namespace

std::vector<QuarantinedSlice> read_quarantine(const std::filesystem::path& root) {
  const auto path = root / quarantine_file;
  if (!std::filesystem::exists(path)) return {};
  const std::string text = read_file(path);
  std::vector<QuarantinedSlice> slices;
  try {
    const json document = parse_json(text, path.string());
    if (document.at("format") != quarantine_format) throw DataError("");
    for (const json& entry : document.at("slices"))
      slices.push_back({entry.at("shard"), entry.at("volume"), entry.at("slice"), entry.at("subject"),
                        entry.at("reason")});
  } catch (const std::exception&) {
    throw DataError(
        fmt::format("{} is not a list of slices in quarantine: delete it, or make it again with "
                    "`gyrus shards quarantine {}`",
                    path.string(), root.string()));
  }
  return slices;
}

void write_quarantine(const std::filesystem::path& root, const std::vector<QuarantinedSlice>& slices) {
  const auto path = root / quarantine_file;
  if (!std::filesystem::is_directory(root)) throw DataError(fmt::format("{} is not a folder", root.string()));
  if (slices.empty()) {
    std::error_code problem;
    std::filesystem::remove(path, problem);
    if (problem) throw DataError(fmt::format("cannot remove {}: {}", path.string(), problem.message()));
    return;
  }
  json document = {{"format", quarantine_format}, {"version", 1}, {"slices", json::array()}};
  for (const auto& slice : slices)
    document["slices"].push_back({{"shard", slice.shard},
                                  {"volume", slice.volume},
                                  {"slice", slice.slice},
                                  {"subject", slice.subject},
                                  {"reason", slice.reason}});
  write_file_atomically(path, document.dump(1) + "\n");
}

std::vector<QuarantinedSlice> find_unreadable(const std::filesystem::path& root, std::size_t num_threads) {
  std::vector<QuarantinedSlice> slices;
  const auto manifest = Manifest::read(root);
  const auto problems_of = verify_shards(root, manifest.shards, num_threads);
  for (std::size_t i = 0; i < problems_of.size(); ++i) {
    const ManifestShard& shard = manifest.shards[i];
    const ShardProblems& problems = problems_of[i];
    if (problems.slices.empty() && !problems.is_readable) add_whole(shard, problems.others.front(), slices);
    std::map<std::pair<std::int64_t, std::int64_t>, const DamagedSlice*>
        once;  // image and mask may both be damaged
    for (const auto& damaged : problems.slices) once.try_emplace({damaged.volume, damaged.slice}, &damaged);
    for (const auto& [place, damaged] : once)
      slices.push_back({shard.file, place.first, place.second, damaged->subject, damaged->problem});
  }
  return slices;
}

}  // namespace gyrus
