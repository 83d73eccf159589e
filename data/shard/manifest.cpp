#include "data/shard/manifest.hpp"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "data/shard/format.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

json to_json(const VolumeInfo& volume) {
  return {{"id", volume.id},
          {"subject", volume.subject},
          {"age", std::isnan(volume.age) ? json(nullptr) : json(volume.age)},
          {"label", volume.label},
          {"shape", {volume.depth, volume.height, volume.width}},
          {"spacing", volume.spacing},
          {"brain_pixels", volume.brain_pixels},
          {"lesion_pixels", volume.lesion_pixels}};
}

VolumeInfo volume_from(const json& entry, const std::string& set) {
  VolumeInfo volume;
  volume.id = entry.at("id");
  volume.subject = entry.at("subject");
  volume.set = set;
  volume.age =
      entry.at("age").is_null() ? std::numeric_limits<double>::quiet_NaN() : entry.at("age").get<double>();
  volume.label = entry.at("label");
  const auto shape = entry.at("shape").get<std::array<std::int64_t, 3>>();
  volume.depth = shape[0];
  volume.height = shape[1];
  volume.width = shape[2];
  volume.spacing = entry.at("spacing");
  volume.brain_pixels = entry.at("brain_pixels").get<std::vector<std::int64_t>>();
  volume.lesion_pixels = entry.at("lesion_pixels").get<std::vector<std::int64_t>>();
  return volume;
}

std::uint64_t digest_from(const std::string& hex) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(hex.data(), hex.data() + hex.size(), value, 16);
  if (error != std::errc{} || end != hex.data() + hex.size())
    throw DataError("'" + hex + "' is not a digest");
  return value;
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
    for (const auto& volume : entry.at("volumes")) shard.volumes.push_back(volume_from(volume, shard.set));
    if (shard.file.find('/') != std::string::npos)
      throw DataError("a shard lies outside the folder: " + shard.file);
    manifest.shards.push_back(std::move(shard));
  }
  return manifest;
}

/// Over everything else in the document.
std::string digest_of(json document) {
  document.erase("manifest_digest");
  return to_hex(digest64(document.dump()));
}

}  // namespace

std::string Manifest::to_json() const {
  json document = {{"format", shard_format::manifest_format},
                   {"version", shard_format::version},
                   {"name", name},
                   {"preparation", preparation},
                   {"folders", folders},
                   {"shards", json::array()}};
  for (const auto& shard : shards) {
    json volumes = json::array();
    for (const auto& volume : shard.volumes) volumes.push_back(gyrus::to_json(volume));
    document["shards"].push_back({{"file", shard.file},
                                  {"set", shard.set},
                                  {"bytes", shard.bytes},
                                  {"digest", to_hex(shard.digest)},
                                  {"volumes", volumes}});
  }
  document["manifest_digest"] = digest_of(document);
  return document.dump(1) + "\n";
}

void Manifest::write(const std::filesystem::path& root) const {
  write_file_atomically(root / shard_format::manifest_file, to_json());
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
  const auto document = json::parse(text, nullptr, false);
  if (document.is_discarded()) throw DataError(fmt::format("{} is not JSON: the file is damaged", where));
  if (!document.is_object() || document.value("format", json()) != shard_format::manifest_format) {
    throw DataError(fmt::format("{} is not the manifest of a Gyrus data set", where));
  }
  if (document.value("version", json()) != shard_format::version) {
    throw DataError(
        fmt::format("{} has format version {}, this program reads version {}: run `gyrus prepare` of this "
                    "program again",
                    where, document.value("version", json()).dump(), shard_format::version));
  }
  if (document.value("manifest_digest", "") != digest_of(document))
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
