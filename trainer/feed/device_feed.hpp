#pragma once

#include <torch/types.h>

#include <memory>
#include <string>

#include "data/loader.hpp"
#include "data/placement/job_data.hpp"

namespace gyrus {

/// Brings batches to the device in the loader's threads, ahead of the step that needs them.
class DeviceFeed {
 public:
  virtual ~DeviceFeed() = default;

  /// What the loader shall put into batches for `send`.
  virtual Loader::Pixels pixels() const = 0;
  /// Sets `batch.on_device`, or leaves the batch as it is when the step can use it so. Thread safety: from
  /// any thread.
  virtual void send(Batch& batch) const = 0;
};

/// The feed of the node's source policy: a copy of each batch on a side stream, or with device_cache the set
/// itself in the device's memory, through which `job.dataset` knows from now on what is there.
/// @param set  the one that batches come from
/// @param num_threads  that read the set into the device's memory
/// @throws ConfigError when it does not fit the device
std::unique_ptr<DeviceFeed> make_device_feed(const DataOptions& options, const std::string& set,
                                             std::uint64_t seed, const JobData& job, torch::Device device,
                                             std::size_t num_threads);

}  // namespace gyrus
