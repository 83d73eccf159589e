#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "data/options.hpp"
#include "data/order.hpp"

namespace gyrus {

/// This rank's part of one global batch.
struct Batch {
  std::vector<Sample> samples;
  std::vector<float> images;        // [B, H, W]
  std::vector<std::uint8_t> masks;  // [B, H, W]
  std::vector<float> noise;         // [B, H, W]; empty unless what `Loader::start` was given draws it
  std::int64_t height = 0, width = 0;
};

/// Reads, decodes and augments slices in threads ahead of the training step, at most `prefetch` batches in
/// memory. Determinism: content depends on dataset, order, options and seed alone, not on threads or
/// prefetch. Thread safety: `start` and `next` belong to one thread.
class Loader {
 public:
  Loader(std::shared_ptr<const Dataset> dataset, std::string set, SampleOrder order, AugmentOptions augment,
         std::uint64_t seed, std::int64_t threads, std::int64_t prefetch);
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Begins to read steps first_step .. first_step + num_steps - 1. `range_of_step` gives this rank's global
  /// sample indices [first, last) of a step (may be empty); `complete` adds to each batch what else its step
  /// needs. Both are called from worker threads. What was started before is dropped.
  void start(std::uint64_t first_step, std::uint64_t num_steps,
             std::function<std::pair<std::uint64_t, std::uint64_t>(std::uint64_t step)> range_of_step,
             std::function<void(Batch&)> complete = {});

  /// The next step's batch; blocks until it is complete. @throws what a worker met while making it
  /// (DataError)
  Batch next();

  /// Time that `next` has waited since construction.
  double seconds_waited() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gyrus
