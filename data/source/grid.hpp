#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gyrus {

/// No volume has more: no memory is taken on the word of a damaged header.
constexpr std::int64_t max_voxels = std::int64_t{1} << 30;

/// A volume in (x, y, z) order, z running fastest: the order in which preprocessing thinks. Slices of a shard
/// are [z][x][y]; `make_volume` turns one into the other.
template <class T>
struct Grid {
  std::array<std::int64_t, 3> size{};
  std::vector<T> values;

  Grid() = default;
  explicit Grid(std::array<std::int64_t, 3> size_, T value = T{})
      : size(size_), values(static_cast<std::size_t>(size_[0] * size_[1] * size_[2]), value) {}

  std::size_t index(std::int64_t x, std::int64_t y, std::int64_t z) const {
    return static_cast<std::size_t>((x * size[1] + y) * size[2] + z);
  }
  T& at(std::int64_t x, std::int64_t y, std::int64_t z) { return values[index(x, y, z)]; }
  const T& at(std::int64_t x, std::int64_t y, std::int64_t z) const { return values[index(x, y, z)]; }
};

}  // namespace gyrus
