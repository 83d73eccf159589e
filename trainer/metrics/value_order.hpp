#pragma once

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

namespace gyrus {

/// A number whose unsigned order is the order of the values, negative ones first.
inline std::uint32_t order_key(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits & 0x80000000u) != 0 ? ~bits : bits | 0x80000000u;
}
/// The value with that key.
inline float value_of_key(std::uint32_t key) {
  return std::bit_cast<float>((key & 0x80000000u) != 0 ? key & 0x7fffffffu : ~key);
}

/// Indices of `values` from the smallest to the largest; equal values keep their order. Zeros of either sign
/// are equal. Fast where most values are 0. @pre fewer than 2^32 values
std::vector<std::uint32_t> ascending_order(std::span<const float> values);

}  // namespace gyrus
