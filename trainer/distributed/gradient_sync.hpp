#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <vector>

namespace c10d {
class ProcessGroup;
class Reducer;
}  // namespace c10d

namespace gyrus {

/// Sums the gradients of all ranks while the backward pass still runs: buckets of parameters are reduced as
/// soon as their gradients are complete. Built on c10d::Reducer; gradients are views into the buckets. Thread
/// safety: one thread.
class GradientSync {
 public:
  /// Collective. @param parameters  in the same order on all ranks, already in their final memory format:
  /// converting them later
  ///                               would silently break the first gradients
  GradientSync(std::vector<torch::Tensor> parameters, const c10::intrusive_ptr<c10d::ProcessGroup>& group,
               std::int64_t bucket_bytes);
  ~GradientSync();

  /// Gradients become zero; they accumulate over the backward passes that follow.
  void zero_gradients();

  /// The backward passes from here on are the last of the step: each gradient is summed over ranks as it
  /// becomes ready. All parameters take part. Backward passes before this call only accumulate. Collective.
  void expect_last_backward();

  /// Seconds from the moment the last gradient was ready until `now`: communication that nothing overlapped.
  double exposed_seconds() const;

 private:
  struct LastHook;
  std::vector<torch::Tensor> parameters_;
  std::shared_ptr<LastHook> last_hook_;
  std::unique_ptr<c10d::Reducer> reducer_;
};

}  // namespace gyrus
