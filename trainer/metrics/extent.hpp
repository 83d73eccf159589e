#pragma once

#include <cstdint>

namespace gyrus {

/// Extent of a volume laid out [depth, height, width]; an axial slice is one `depth` index.
struct Extent {
  std::int64_t depth = 0, height = 0, width = 0;
  std::int64_t voxels() const { return depth * height * width; }
  std::int64_t index(std::int64_t z, std::int64_t y, std::int64_t x) const {
    return (z * height + y) * width + x;
  }
};

}  // namespace gyrus
