#include "trainer/distributed/gradient_sync.hpp"

#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>
#include <torch/csrc/distributed/c10d/comm.hpp>
#include <torch/csrc/distributed/c10d/reducer.hpp>

#include <algorithm>
#include <type_traits>

#include "trainer/clock.hpp"

namespace gyrus {
namespace {

using Group = c10::intrusive_ptr<c10d::ProcessGroup>;
using Buckets = std::vector<std::vector<std::size_t>>;

constexpr std::int64_t first_bucket_bytes = 1 << 20;  // small, so that communication starts early

/// The Reducer's constructor grew arguments over torch versions (2.6, 2.8, 2.11); the first that fits is
/// taken.
template <class Reducer = c10d::Reducer>
std::unique_ptr<Reducer> make_reducer(const std::vector<torch::Tensor>& parameters, const Buckets& buckets,
                                      const Group& group, std::int64_t bucket_bytes) {
  using Names = std::unordered_map<std::size_t, std::string>;
  const std::vector<bool> sparse(parameters.size(), false);
  constexpr bool views = true, find_unused = false;
  if constexpr (std::is_constructible_v<Reducer, std::vector<torch::Tensor>, Buckets, Group,
                                        std::vector<bool>, std::int64_t, bool, bool, Names, std::int64_t,
                                        bool, bool, std::vector<std::int64_t>>) {
    return std::make_unique<Reducer>(parameters, buckets, group, sparse, bucket_bytes, find_unused, views,
                                     Names{}, first_bucket_bytes, false, false, std::vector<std::int64_t>{});
  } else if constexpr (std::is_constructible_v<Reducer, std::vector<torch::Tensor>, Buckets, Group,
                                               std::vector<bool>, std::int64_t, bool, bool, Names,
                                               std::int64_t, bool, bool>) {
    return std::make_unique<Reducer>(parameters, buckets, group, sparse, bucket_bytes, find_unused, views,
                                     Names{}, first_bucket_bytes, false, false);
  } else {
    return std::make_unique<Reducer>(parameters, buckets, group, sparse, bucket_bytes, find_unused, views,
                                     Names{}, first_bucket_bytes);
  }
}

}  // namespace

struct GradientSync::LastHook {
  Clock::time_point time = Clock::now();
};

namespace {

/// A plain sum: the loss is already divided by the global batch, which the Reducer's own mean over ranks
/// would not know.
template <class LastHook>
class SumHook : public c10d::CppCommHookInterface<Group> {
 public:
  SumHook(const Group& group, std::shared_ptr<LastHook> last)
      : CppCommHookInterface<Group>(group), last_(std::move(last)) {}

  c10::intrusive_ptr<c10::ivalue::Future> runHook(c10d::GradBucket& bucket) override {
    last_->time = Clock::now();
    std::vector<torch::Tensor> tensors = {bucket.getBufferRef()};
    return state_->allreduce(tensors)->getFuture();
  }

 private:
  std::shared_ptr<LastHook> last_;
};

}  // namespace

GradientSync::GradientSync(std::vector<torch::Tensor> parameters, const Group& group,
                           std::int64_t bucket_bytes)
    : parameters_(std::move(parameters)), last_hook_(std::make_shared<LastHook>()) {
  auto assignment = c10d::compute_bucket_assignment_by_size(
      parameters_, {static_cast<std::size_t>(first_bucket_bytes), static_cast<std::size_t>(bucket_bytes)});
  auto buckets = std::get<0>(assignment);
  std::reverse(buckets.begin(), buckets.end());  // gradients become ready from the last layer to the first
  reducer_ = make_reducer(parameters_, buckets, group, bucket_bytes);
  reducer_->register_comm_hook(std::make_unique<SumHook<LastHook>>(group, last_hook_));
}

GradientSync::~GradientSync() = default;

void GradientSync::zero_gradients() {
  std::vector<torch::Tensor> gradients;
  for (const auto& parameter : parameters_)
    if (parameter.grad().defined()) gradients.push_back(parameter.grad());
  if (!gradients.empty()) torch::_foreach_zero_(gradients);
}

void GradientSync::expect_last_backward() {
  reducer_->prepare_for_forward();
  reducer_->rebuild_buckets();
  reducer_->prepare_for_backward({});
}

double GradientSync::exposed_seconds() const {
  return seconds_since(last_hook_->time);
}

}  // namespace gyrus
