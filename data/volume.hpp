#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

namespace gyrus {

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
  std::int64_t label = 0;            // 0 healthy, 1 with lesion
  std::array<double, 3> spacing{};   // mm along x, y, z
};

/// What is known of a volume without reading it.
struct VolumeInfo {
  std::string id;
  std::string subject;
  std::string set;
  double age = 0.0;
  std::int64_t label = 0;
  std::int64_t depth = 0, height = 0, width = 0;
  std::array<double, 3> spacing{};
  std::vector<std::int64_t> brain_pixels;   // per slice
  std::vector<std::int64_t> lesion_pixels;  // per slice
};

}  // namespace gyrus
