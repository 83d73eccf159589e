#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

#include "data/dataset.hpp"
#include "data/slice_cache.hpp"
#include "launch/mpi.hpp"

namespace gyrus {

/// One decoded copy per node of a set's images and masks, in memory that the node's ranks share (MPI-3).
/// Determinism: gives the very bytes that the shards give. A slice that could not be read when the cache was
/// filled is not in it, so that whoever wants it meets the fault as when streaming.
class NodeCache : public SliceCache {
 public:
  static std::uint64_t bytes_of(const Dataset& dataset, const std::string& set);

  /// Each rank reads its part of the volumes in `num_threads` threads. Making and destroying are collective
  /// over the node. @throws CommError when MPI has no such memory
  NodeCache(const Dataset& dataset, const std::string& set, const mpi::Communicator& node,
            std::size_t num_threads);

  bool has(std::int64_t volume, std::int64_t slice, bool with_mask) const override;
  bool read(std::int64_t volume, std::int64_t slice, float* image, std::uint8_t* mask) const override;

  std::int64_t num_missing() const override { return num_missing_; }

 private:
  void fill(const Dataset& dataset, const std::string& set, std::int64_t volume);

  std::int64_t depth_, num_slices_;
  std::size_t pixels_;
  mpi::SharedMemory memory_;  // images, masks, and a byte per slice that is 1 when it is there
  float* images_;             // [slices, height, width]
  std::uint8_t* masks_;       // [slices, height, width]
  std::uint8_t* present_;     // [slices]
  std::int64_t num_missing_ = 0;
};

}  // namespace gyrus
