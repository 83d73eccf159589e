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
#include "data/pixel_buffer.hpp"

namespace gyrus {

struct DeviceSlices;  // the trainer's

/// This rank's part of one global batch.
struct Batch {
  std::vector<Sample> samples;
  PixelBuffer<float> images;        // [B, H, W]; empty when the loader was told to leave pixels out
  PixelBuffer<std::uint8_t> masks;  // the same
  std::vector<float> noise;         // [B, H, W]; empty unless what `Loader::start` was given draws it
  std::int64_t height = 0, width = 0;
  std::shared_ptr<const DeviceSlices> on_device = nullptr;  // what `complete` has brought to the device
};

/// A slice that could not be read, and the one that was shown in its place.
struct Substitution {
  Sample wanted, shown;
  std::string reason;
};

/// Reads, decodes and augments slices in threads ahead of the training step, at most data.prefetch_batches in
/// memory. Determinism: content depends on dataset, order, options and seed alone, not on threads or
/// prefetch. Slices in quarantine, and with data.faults=substitute every slice that cannot be read, are
/// replaced by others, the same for any number of ranks. Thread safety: `start` and `next` belong to one
/// thread.
class Loader {
 public:
  enum class Pixels { read, left_out };

  /// Uses augment, faults, loader_threads and prefetch_batches of the options.
  /// @param pixels  left_out: whoever has the set in a memory of its own fills the batch; substitutes are
  /// chosen as when reading
  Loader(std::shared_ptr<const Dataset> dataset, std::string set, SampleOrder order,
         const DataOptions& options, std::uint64_t seed, Pixels pixels = Pixels::read);
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

  /// The substitutions in the batches that `next` has given since the last call.
  std::vector<Substitution> take_substitutions();

  /// Threads that read now: with data.loader_threads=auto more are added while `next` often waits.
  std::int64_t num_threads() const;

  /// Time that `next` has waited since construction.
  double seconds_waited() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace gyrus
