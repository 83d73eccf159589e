// The mathematics of one training step of the diffusion model.
#include "trainer/diffusion_step.hpp"

#include <torch/torch.h>

#include <algorithm>

#include "launch/error.hpp"
#include "trainer/autocast.hpp"
#include "trainer/clock.hpp"
#include "trainer/distributed/gradient_sync.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

DiffusionStep::DiffusionStep(const Options& options, DiffusionModel& model, StepContext context,
                             std::int64_t rows, std::int64_t columns)
    : options_(options),
      model_(model),
      context_(std::move(context)),
      objective_(options, options.seed, context_.plan.global_batch(), rows, columns, context_.device) {
  if (model_.is_conditioned()) place_in_global_batch(model_.encoder().sample_groups(), context_);
}

StepOutcome DiffusionStep::run(const Batch& batch) {
  StepOutcome outcome;
  auto start = Clock::now();
  const DiffusionInputs inputs = objective_.make_inputs(batch);
  outcome.inputs = inputs.hash;
  const std::int64_t count = inputs.slices.size(0);
  const auto [first_of_rank, last_of_rank] = context_.plan.part(context_.rank);
  require(count == last_of_rank - first_of_rank, "a batch holds this rank's part of the global batch");
  const bool half = options_.trainer.precision == "bf16";
  context_.sync.zero_gradients();

  torch::Tensor condition, condition_leaf;
  if (model_.is_conditioned()) {
    const Autocast autocast(context_.device, half);
    const torch::Tensor keep = drop_path_keep(model_.encoder(), batch, options_.seed, context_.device);
    condition = model_.encoder().forward(inputs.slices, keep).to(torch::kFloat32);
    if (const torch::Tensor stays = objective_.condition_keep(batch); stays.defined())
      condition = condition * stays;
    condition_leaf = condition.detach().requires_grad_(true);
  }
  outcome.forward_seconds += seconds_since(start);

  const std::int64_t micro = options_.trainer.micro_batch > 0 ? options_.trainer.micro_batch : count;
  for (std::int64_t first = 0; first < count; first += micro) {
    const std::int64_t last = std::min(count, first + micro);
    start = Clock::now();
    const DiffusionInputs part = inputs.part(first, last);
    torch::Tensor loss;
    {
      const Autocast autocast(context_.device, half);
      const torch::Tensor output = model_.unet().forward(
          part.noised, part.timestep,
          condition_leaf.defined() ? condition_leaf.slice(0, first, last) : condition_leaf);
      loss = objective_.loss(output.to(torch::kFloat32), part).sum();
    }
    outcome.loss_sum += loss.item<double>();
    outcome.forward_seconds += seconds_since(start);
    start = Clock::now();
    if (last == count) context_.sync.expect_last_backward();
    (loss / static_cast<double>(context_.plan.global_batch())).backward();
    outcome.backward_seconds += seconds_since(start);
  }
  start = Clock::now();
  if (condition.defined()) condition.backward(condition_leaf.grad());
  outcome.exposed_sync_seconds = context_.sync.exposed_seconds();
  // Without an encoder it was the UNet's last backward pass, above, that waited for the sums.
  outcome.backward_seconds += seconds_since(start) - outcome.exposed_sync_seconds;
  return outcome;
}

void DiffusionStep::update_statistics() {
  if (!model_.is_conditioned()) return;
  const auto [first, last] = context_.plan.part(context_.rank);
  update_running_statistics(model_, model_.encoder().sample_groups(), last - first);
}

}  // namespace gyrus
