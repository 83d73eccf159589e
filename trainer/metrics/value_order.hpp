#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace gyrus {

/// Indices of `values` from the smallest to the largest; equal values keep their order. Zeros of either sign
/// are equal. Fast where most values are 0. @pre fewer than 2^32 values
std::vector<std::uint32_t> ascending_order(std::span<const float> values);

}  // namespace gyrus
