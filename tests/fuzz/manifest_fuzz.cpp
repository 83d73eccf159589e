#include "data/shard/manifest.hpp"

#include <nlohmann/json.hpp>

#include "launch/files.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

/// So that damage comes past the digest, as in a hostile file.
std::string with_right_digest(const std::string& input) {
  auto document = nlohmann::json::parse(input, nullptr, false);
  if (!document.is_object()) return input;
  document.erase("manifest_digest");
  document["manifest_digest"] = to_hex(digest64(document.dump()));
  return document.dump();
}

}  // namespace

Target make_target() {
  Manifest manifest;
  manifest.name = "cohort";
  manifest.preparation = {{"image_size", "[8, 8, 2]"}};
  manifest.folders = {{"ixi", "/data/ixi"}};
  VolumeInfo volume;
  volume.id = volume.subject = "IXI001";
  volume.set = "train";
  volume.age = 30.5;
  volume.depth = 2;
  volume.height = volume.width = 8;
  volume.spacing = {2.0, 2.0, 2.0};
  volume.brain_voxels = 22;
  ShardLayout layout{.num_volumes = 1, .depth = 2, .height = 8, .width = 8};
  layout.quantisation = Quantisation::unit_range();
  manifest.shards = {{"train-00000.h5", "train", 4096, 0x1234, layout, {volume}, {{"IXI002", "no image"}}}};
  return {{manifest.to_json()},
          [](const std::string& input) { Manifest::parse(with_right_digest(input), "manifest.json"); }};
}

}  // namespace gyrus::fuzz
