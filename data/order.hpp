#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/dataset.hpp"

namespace gyrus {

/// One training example: a slice at a place of the endless sequence of samples.
struct Sample {
  std::uint64_t global_index = 0;
  std::uint64_t epoch = 0;
  std::int64_t volume = 0;
  std::int64_t slice = 0;
  std::uint64_t id = 0;  // volume * depth + slice: unique in its set
};

/// Which slice the sample with a given index shows. Stateless: ranks, threads and resumed runs need no
/// agreement. Determinism: depends on (set, policy, min_brain_fraction, seed, index) alone.
class SampleOrder {
 public:
  /// @param policy  "slice": an epoch has one random slice of every volume; "all_slices": every slice once
  /// @param min_brain_fraction  slices with a smaller share of brain pixels are left out
  /// @throws ConfigError unknown policy; DataError when no slice is left
  SampleOrder(const Dataset& dataset, const std::string& set, const std::string& policy,
              double min_brain_fraction, std::uint64_t seed);

  std::uint64_t samples_per_epoch() const { return samples_per_epoch_; }
  Sample at(std::uint64_t global_index) const;

 private:
  std::uint64_t seed_;
  bool all_slices_;
  std::int64_t depth_;
  std::uint64_t samples_per_epoch_ = 0;
  std::vector<std::uint32_t> eligible_;  // slices that may be used, volume after volume
  std::vector<std::uint64_t> first_;    // volume -> its first entry of `eligible_`; one more entry at the end
  std::vector<std::uint32_t> volumes_;  // volumes with at least one slice to use
};

}  // namespace gyrus
