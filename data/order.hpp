#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "data/options.hpp"

namespace gyrus {

/// One training example: a slice at a place of the endless sequence of samples.
struct Sample {
  std::uint64_t global_index = 0;
  std::uint64_t epoch = 0;
  std::int64_t volume = 0;
  std::int64_t slice = 0;
  std::uint64_t id = 0;  // volume * depth + slice: unique in its set
};

/// The slices of a set that have enough brain, volume after volume.
/// Memory: nothing when all are usable, else one bit per slice and 8 bytes per volume.
class UsableSlices {
 public:
  /// @throws DataError when a shard cannot be read, or no slice is left
  UsableSlices(const Dataset& dataset, const std::string& set, double min_brain_fraction);

  std::uint64_t total() const { return total_; }
  std::int64_t num_volumes() const { return num_volumes_; }
  std::int64_t in_volume(std::int64_t volume) const;
  /// The usable slice number `rank` of a volume. @pre rank < in_volume(volume)
  std::int64_t nth_of_volume(std::int64_t volume, std::int64_t rank) const;
  /// The volume of usable slice number `entry` of the set, and the slice's rank in it.
  std::pair<std::int64_t, std::int64_t> find(std::uint64_t entry) const;

 private:
  std::int64_t num_volumes_, depth_;
  std::uint64_t total_;
  bool all_ = true;
  std::vector<bool> usable_;          // [volumes * depth]
  std::vector<std::uint64_t> first_;  // volume -> usable slices before it; one more entry at the end
};

/// Which slice the sample with a given index shows. Stateless: ranks, threads and resumed runs need no
/// agreement. Determinism: depends on (set, options, seed, index) alone.
class SampleOrder {
 public:
  /// The policies:
  /// "slice": an epoch has one random slice of every volume (the published recipe).
  /// "stratified": the same, and the slices' heights, as shares of a volume's usable slices, are spread
  /// evenly over each epoch. "all_slices": every usable slice once. "block": every usable slice once, in runs
  /// of neighbours: block_slices consecutive slices are a block, blocks are shuffled, then slices among every
  /// window_blocks consecutive blocks.
  /// @throws DataError as UsableSlices
  SampleOrder(const Dataset& dataset, const std::string& set, const OrderOptions& options,
              std::uint64_t seed);

  std::uint64_t samples_per_epoch() const;
  Sample at(std::uint64_t global_index) const;
  /// What takes the place of a sample whose slice cannot be read: the slice of another place in the same
  /// epoch. The sample keeps its own index. @param attempt  0, then 1 when that cannot be read either, and so
  /// on
  Sample substitute(const Sample& sample, std::uint64_t attempt) const;

 private:
  bool shows_volumes_once() const { return policy_ == "slice" || policy_ == "stratified"; }
  std::int64_t rank_in_volume(std::uint64_t position, std::uint64_t epoch, std::int64_t volume) const;
  std::uint64_t entry_in_blocks(std::uint64_t position, std::uint64_t epoch) const;

  std::uint64_t seed_;
  std::string policy_;
  std::uint64_t block_slices_, window_blocks_;
  std::int64_t depth_;
  UsableSlices slices_;
  std::vector<std::uint32_t> volumes_;  // those with at least one slice to use
};

}  // namespace gyrus
