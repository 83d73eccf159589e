#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace gyrus {

/// Index of a voxel (x, y, z) to millimetres towards Right, Anterior, Superior, as in NIfTI: the rows of
/// [3, 4], the last column is the place of voxel (0, 0, 0).
using Affine = std::array<std::array<double, 4>, 3>;

/// Where a volume comes from.
struct Provenance {
  Affine affine{};                             // of the prepared grid
  std::map<std::string, std::string> sources;  // image, mask, lesion -> file name and XXH3 of its bytes
};

/// A prepared volume, laid out [slice z][row x][column y].
struct Volume {
  std::string id;
  std::string subject;
  std::string set;
  std::int64_t depth = 0, height = 0, width = 0;
  std::vector<float> image;          // [depth, height, width], about [0, 1]
  std::vector<std::uint8_t> mask;    // the same shape; 1 inside the brain
  std::vector<std::uint8_t> lesion;  // the same shape; 1 inside a lesion; all 0 in healthy volumes
  double age = 0.0;                  // years; NaN when unknown
  std::string site;                  // scanner or hospital; empty when unknown
  std::int64_t label = 0;            // 0 healthy, 1 with lesion
  std::array<double, 3> spacing{};   // mm along x, y, z
  std::optional<Provenance> provenance = std::nullopt;  // of a volume that is made; shards keep it
};

/// A volume that could not be made.
struct FailedVolume {
  std::string id;
  std::string reason;
};

/// What is known of a volume without reading it.
struct VolumeInfo {
  std::string id;
  std::string subject;
  std::string set;
  double age = 0.0;
  std::string site;
  std::int64_t label = 0;
  std::int64_t depth = 0, height = 0, width = 0;
  std::array<double, 3> spacing{};
  std::int64_t brain_voxels = 0;
  std::int64_t lesion_voxels = 0;
};

}  // namespace gyrus
