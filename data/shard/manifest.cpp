#include "data/shard/manifest.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/json_text.hpp"
#include "data/shard/format.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

/// One list per property: a volume of a large set costs a few words of JSON, not an object.
json volumes_to_json(const std::vector<VolumeInfo>& volumes) {
  json columns = {{"id", json::array()},           {"subject", json::array()},
                  {"age", json::array()},          {"site", json::array()},
                  {"label", json::array()},        {"spacing", json::array()},
                  {"brain_voxels", json::array()}, {"lesion_voxels", json::array()}};
  for (const VolumeInfo& volume : volumes) {
    columns["id"].push_back(volume.id);
    columns["subject"].push_back(volume.subject);
    columns["age"].push_back(std::isnan(volume.age) ? json(nullptr) : json(volume.age));
    columns["site"].push_back(volume.site);
    columns["label"].push_back(volume.label);
    columns["spacing"].push_back(volume.spacing);
    columns["brain_voxels"].push_back(volume.brain_voxels);
    columns["lesion_voxels"].push_back(volume.lesion_voxels);
  }
  return columns;
}

std::vector<VolumeInfo> volumes_from(const json& columns, const std::string& set, const ShardLayout& layout) {
  const json &ids = columns.at("id"), &ages = columns.at("age");
  const bool has_sites = columns.contains("site");  // not in manifests of before sites were kept
  std::vector<VolumeInfo> volumes(ids.size());
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    VolumeInfo& volume = volumes[i];
    volume.id = ids[i];
    volume.subject = columns.at("subject").at(i);
    volume.set = set;
    volume.age = ages.at(i).is_null() ? std::numeric_limits<double>::quiet_NaN() : ages[i].get<double>();
    if (has_sites) volume.site = columns["site"].at(i);
    volume.label = columns.at("label").at(i);
    volume.depth = layout.depth;
    volume.height = layout.height;
    volume.width = layout.width;
    volume.spacing = columns.at("spacing").at(i);
    volume.brain_voxels = columns.at("brain_voxels").at(i);
    volume.lesion_voxels = columns.at("lesion_voxels").at(i);
  }
  return volumes;
}

json layout_to_json(const ShardLayout& layout) {
  json tables = json::object();
  for (int table = 0; table < shard_format::num_tables; ++table)
    tables[shard_format::tables[table]] = {{"offset", layout.tables[table].offset},
                                           {"digest", to_hex(layout.tables[table].digest)}};
  json quantisation = nullptr;
  if (layout.quantisation)
    quantisation = {{"scale", layout.quantisation->scale}, {"offset", layout.quantisation->offset}};
  return {{"shape", {layout.depth, layout.height, layout.width}},
          {"codec", codec_name(layout.codec)},
          {"quantisation", quantisation},
          {"tables", tables}};
}

std::uint64_t digest_from(const std::string& hex) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (error != std::errc{} || end != hex.data() + hex.size())
    throw DataError("'" + hex + "' is not a digest");
  return value;
}

/// No slice of a brain is larger; a product of such sizes does not overflow.
constexpr std::int64_t max_axis = 1 << 16;

ShardLayout layout_from(const json& entry, std::int64_t num_volumes) {
  ShardLayout layout;
  layout.num_volumes = num_volumes;
  const auto shape = entry.at("shape").get<std::array<std::int64_t, 3>>();
  for (const std::int64_t size : shape)
    if (size < 1 || size > max_axis)
      throw DataError(fmt::format("a shard claims {} slices, rows or columns", size));
  layout.depth = shape[0];
  layout.height = shape[1];
  layout.width = shape[2];
  layout.codec = codec_named(entry.at("codec"));
  if (const json& quantisation = entry.at("quantisation"); !quantisation.is_null())
    layout.quantisation = Quantisation{quantisation.at("scale"), quantisation.at("offset")};
  for (int table = 0; table < shard_format::num_tables; ++table) {
    const json& place = entry.at("tables").at(shard_format::tables[table]);
    layout.tables[table] = {place.at("offset"), digest_from(place.at("digest"))};
  }
  return layout;
}

Manifest manifest_from(const json& document) {
  Manifest manifest;
  manifest.name = document.at("name");
  manifest.preparation = document.at("preparation").get<std::map<std::string, std::string>>();
  manifest.folders = document.at("folders").get<std::map<std::string, std::string>>();
  for (const auto& entry : document.at("shards")) {
    ManifestShard shard;
    shard.file = entry.at("file");
    shard.set = entry.at("set");
    shard.bytes = entry.at("bytes");
    shard.digest = digest_from(entry.at("digest"));
    const json& volumes = entry.at("volumes");
    shard.layout = layout_from(entry.at("layout"), static_cast<std::int64_t>(volumes.at("id").size()));
    shard.volumes = volumes_from(volumes, shard.set, shard.layout);
    for (const json& volume : entry.at("skipped")) shard.skipped.push_back({volume.at(0), volume.at(1)});
    if (shard.file.find('/') != std::string::npos)
      throw DataError("a shard lies outside the folder: " + shard.file);
    manifest.shards.push_back(std::move(shard));
  }
  return manifest;
}

/// @pre without the digest itself
std::string digest_of(const json& document) {
  return to_hex(digest64(document.dump()));
}

}  // namespace

ManifestShard list_shard(const std::filesystem::path& path, std::string_view content, const std::string& set,
                         const ShardLayout& layout, std::vector<VolumeInfo> volumes,
                         std::vector<FailedVolume> skipped) {
  return {.file = path.filename().string(),
          .set = set,
          .bytes = content.size(),
          .digest = digest64(content),
          .layout = layout,
          .volumes = std::move(volumes),
          .skipped = std::move(skipped)};
}

std::string Manifest::to_json() const {
  json document = {{"format", shard_format::manifest_format},
                   {"version", shard_format::version},
                   {"name", name},
                   {"preparation", preparation},
                   {"folders", folders},
                   {"shards", json::array()}};
  for (const auto& shard : shards) {
    document["shards"].push_back({{"file", shard.file},
                                  {"set", shard.set},
                                  {"bytes", shard.bytes},
                                  {"digest", to_hex(shard.digest)},
                                  {"layout", layout_to_json(shard.layout)},
                                  {"volumes", volumes_to_json(shard.volumes)},
                                  {"skipped", json::array()}});
    for (const auto& volume : shard.skipped)
      document["shards"].back()["skipped"].push_back({volume.id, volume.reason});
  }
  document["manifest_digest"] = digest_of(document);
  return document.dump(1) + "\n";
}

void Manifest::write(const std::filesystem::path& root) const {
  write_file_atomically(root / shard_format::manifest_file, to_json());
}

void Manifest::check_preparation(const std::map<std::string, std::string>& wanted,
                                 const std::filesystem::path& root) const {
  for (const auto& [option, value] : wanted) {
    const auto entry = preparation.find(option);
    const std::string made_with = entry == preparation.end() ? "(nothing)" : entry->second;
    if (made_with != value)
      throw ConfigError(
          fmt::format("data.root {} was prepared with data.{}={}, but now it is {}: run `gyrus prepare` with "
                      "the same options, or choose another data.root",
                      root.string(), option, made_with, value));
  }
}

Manifest Manifest::read(const std::filesystem::path& root) {
  const auto path = root / shard_format::manifest_file;
  if (!std::filesystem::is_directory(root)) {
    throw DataError(fmt::format("data.root {} is not a folder: make it with `gyrus prepare`", root.string()));
  }
  if (!std::filesystem::exists(path)) {
    throw DataError(fmt::format(
        "{} has no {}: {}; run `gyrus prepare`", root.string(), shard_format::manifest_file,
        std::filesystem::is_empty(root) ? "the folder is empty" : "its preparation was not completed"));
  }
  return parse(read_file(path), path.string());
}

Manifest Manifest::parse(const std::string& text, const std::string& where) {
  json document = parse_json(text, where);
  if (!document.is_object() || document.value("format", json()) != shard_format::manifest_format) {
    throw DataError(fmt::format("{} is not the manifest of a Gyrus data set", where));
  }
  if (document.value("version", json()) != shard_format::version) {
    throw DataError(
        fmt::format("{} has format version {}, this program reads version {}: run `gyrus prepare` of this "
                    "program again",
                    where, document.value("version", json()).dump(), shard_format::version));
  }
  const json digest = document.value("manifest_digest", json());
  document.erase("manifest_digest");
  if (digest != digest_of(document))
    throw DataError(fmt::format("{} is damaged: its own digest differs", where));
  try {
    return manifest_from(document);
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{} is damaged: {}", where, problem.what()));
  } catch (const DataError& problem) {
    throw DataError(fmt::format("{} is damaged: {}", where, problem.what()));
  }
}

}  // namespace gyrus
