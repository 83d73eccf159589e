#include "data/random.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr std::uint32_t multiplier_0 = 0xD2511F53u;
constexpr std::uint32_t multiplier_1 = 0xCD9E8D57u;
constexpr std::uint32_t weyl_0 = 0x9E3779B9u;
constexpr std::uint32_t weyl_1 = 0xBB67AE85u;
constexpr int num_feistel_rounds = 8;

}  // namespace

std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t product_0 = std::uint64_t{multiplier_0} * counter[0];
    const std::uint64_t product_1 = std::uint64_t{multiplier_1} * counter[2];
    counter = {static_cast<std::uint32_t>(product_1 >> 32) ^ counter[1] ^ key[0],
               static_cast<std::uint32_t>(product_1),
               static_cast<std::uint32_t>(product_0 >> 32) ^ counter[3] ^ key[1],
               static_cast<std::uint32_t>(product_0)};
    key[0] += weyl_0;
    key[1] += weyl_1;
  }
  return counter;
}

Random::Random(std::uint64_t seed, Stream stream, std::uint64_t epoch, std::uint64_t index)
    : counter_{0, (static_cast<std::uint32_t>(stream) << 24) | static_cast<std::uint32_t>(epoch),
               static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32)},
      key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)} {
  require(epoch < (std::uint64_t{1} << 24), "an epoch number fits 24 bits of the random counter");
}

std::uint32_t Random::next() {
  if (used_ == 4) {
    block_ = philox4x32(counter_, key_);
    ++counter_[0];
    used_ = 0;
  }
  return block_[used_++];
}

std::uint64_t Random::next64() {
  const std::uint64_t low = next();
  return low | (std::uint64_t{next()} << 32);
}

double Random::uniform() {
  return static_cast<double>(next64() >> 11) * 0x1.0p-53;
}

double Random::uniform(double low, double high) {
  return low + (high - low) * uniform();
}

double Random::normal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  const double radius = std::sqrt(-2.0 * std::log(1.0 - uniform()));
  const double angle = 2.0 * std::numbers::pi * uniform();
  spare_normal_ = radius * std::sin(angle);
  has_spare_normal_ = true;
  return radius * std::cos(angle);
}

std::uint64_t Random::below(std::uint64_t bound) {
  require(bound > 0, "a bound for random integers is positive");
  const std::uint64_t threshold = (0 - bound) % bound;  // reject the incomplete last interval
  while (true) {
    const std::uint64_t value = next64();
    if (value >= threshold) return value % bound;
  }
}

std::uint64_t permuted(std::uint64_t index, std::uint64_t size, std::uint64_t seed, Stream stream,
                       std::uint64_t epoch) {
  require(index < size, "an index lies inside the permuted range");
  // A balanced Feistel network permutes 0 .. 4^k-1; walking the cycle until it returns below `size` restricts
  // the permutation to the range (at most 4 steps on average, since 4^k < 4 size).
  const int half_bits = std::max<int>(1, (std::bit_width(size - 1) + 1) / 2);
  const std::uint64_t half_mask = (std::uint64_t{1} << half_bits) - 1;
  const std::uint32_t tag = (static_cast<std::uint32_t>(stream) << 24) | static_cast<std::uint32_t>(epoch);
  const std::array<std::uint32_t, 2> key{static_cast<std::uint32_t>(seed),
                                         static_cast<std::uint32_t>(seed >> 32)};
  std::uint64_t value = index;
  do {
    std::uint64_t left = value >> half_bits;
    std::uint64_t right = value & half_mask;
    for (std::uint32_t round = 0; round < num_feistel_rounds; ++round) {
      const auto words = philox4x32({static_cast<std::uint32_t>(right),
                                     static_cast<std::uint32_t>(right >> 32), round | 0x80000000u, tag},
                                    key);
      const std::uint64_t mixed = (words[0] | (std::uint64_t{words[1]} << 32)) & half_mask;
      left = std::exchange(right, left ^ mixed);
    }
    value = (left << half_bits) | right;
  } while (value >= size);
  return value;
}

}  // namespace gyrus
