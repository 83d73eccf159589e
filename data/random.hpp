#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace gyrus {

/// Philox 4x32-10: four random words from a counter and a key. No state.
/// Reference: Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3".
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

/// What a random number is for. Numbers of two streams never coincide. The values are part of every result:
/// append only.
enum class Stream : std::uint32_t {
  order = 0,
  slice = 1,
  augment = 2,
  timestep = 3,
  noise = 4,
  weights = 5,
  drop_path = 6,
  phantom = 7,
  validation_noise = 8,
  condition_dropout = 9,
  spark_mask = 10,
  corruption_box = 11,
  order_window = 12,
  stratum = 13,
  substitute = 14,
  folds = 16,
  bootstrap = 17,
};

/// A sequence of random numbers keyed by (seed, stream, epoch, index); every random choice of a run is made
/// by one. Determinism: depends on the four keys alone, so results are equal for every number of ranks and
/// after a resume.
/// @pre epoch < 2^24
class Random {
 public:
  Random(std::uint64_t seed, Stream stream, std::uint64_t epoch, std::uint64_t index);

  std::uint32_t next();
  std::uint64_t next64();
  double uniform();                          // [0, 1), 53 bits
  double uniform(double low, double high);   // [low, high)
  double normal();                           // mean 0, variance 1 (Box-Muller)
  std::uint64_t below(std::uint64_t bound);  // 0 .. bound-1, without modulo bias; @pre bound > 0

 private:
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
  double spare_normal_ = 0.0;
  bool has_spare_normal_ = false;
};

/// The image of `index` under a keyed permutation of 0..size-1. O(1) memory, no state.
/// Determinism: depends on (seed, stream, epoch, size) alone. @pre index < size
std::uint64_t permuted(std::uint64_t index, std::uint64_t size, std::uint64_t seed, Stream stream,
                       std::uint64_t epoch);

}  // namespace gyrus
