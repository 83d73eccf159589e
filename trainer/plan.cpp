#include "trainer/plan.hpp"

#include <fmt/format.h>

#include <numeric>

#include "launch/error.hpp"

namespace gyrus {

Plan::Plan(std::int64_t max_samples, std::int64_t global_batch, int world_size)
    : num_steps_(max_samples / global_batch),
      global_batch_(global_batch),
      dropped_samples_(max_samples % global_batch),
      world_size_(world_size) {
  if (num_steps_ == 0)
    throw FatalStateError(fmt::format(
        "trainer.max_samples = {} is less than one step of trainer.global_batch = {}: nothing would "
        "be trained; raise max_samples or lower global_batch",
        max_samples, global_batch));
  if (world_size > global_batch)
    throw FatalStateError(
        fmt::format("{} ranks share trainer.global_batch = {} samples: some would have none; start at most "
                    "{} ranks or raise "
                    "trainer.global_batch",
                    world_size, global_batch, global_batch));
}

std::pair<std::int64_t, std::int64_t> Plan::part(int rank) const {
  return {global_batch_ * rank / world_size_, global_batch_ * (rank + 1) / world_size_};
}

bool Plan::crosses(std::int64_t step, std::int64_t every_samples) const {
  return every_samples > 0 && samples_after(step) / every_samples != samples_after(step + 1) / every_samples;
}

bool Plan::groups_span_ranks(std::int64_t group_samples) const {
  const std::int64_t size =
      group_samples > 0 && group_samples < global_batch_ ? group_samples : global_batch_;
  for (int rank = 1; rank < world_size_; ++rank)
    if (part(rank).first % size != 0) return true;
  return false;
}

std::uint64_t first_validation_sample(std::int64_t step, std::int64_t count, std::int64_t global_batch) {
  return static_cast<std::uint64_t>(step) * static_cast<std::uint64_t>(std::lcm(count, global_batch));
}

}  // namespace gyrus
