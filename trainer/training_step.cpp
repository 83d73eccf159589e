#include "trainer/training_step.hpp"

#include <ATen/autocast_mode.h>
#include <torch/torch.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "data/random.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/diffusion/objective.hpp"

namespace gyrus {
namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

/// Convolutions and matrix products in bfloat16 while it lives.
class Autocast {
 public:
  Autocast(torch::Device device, bool on) : type_(device.type()), on_(on) {
    if (!on_) return;
    at::autocast::set_autocast_enabled(type_, true);
    at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
  }
  ~Autocast() {
    if (!on_) return;
    at::autocast::clear_cache();
    at::autocast::set_autocast_enabled(type_, false);
  }

 private:
  torch::DeviceType type_;
  bool on_;
};

}  // namespace

TrainingStep::TrainingStep(const Options& options, const Plan& plan, DiffusionModel& model,
                           GradientSync& sync, int rank, std::function<void(torch::Tensor&)> sum_over_ranks,
                           torch::Device device)
    : options_(options),
      plan_(plan),
      model_(model),
      sync_(sync),
      rank_(rank),
      device_(device),
      schedule_(num_timesteps),
      noise_(options.noise, options.seed, plan.global_batch()) {
  if (!model_.is_conditioned()) return;
  SampleGroups& groups = model_.encoder().sample_groups();
  groups.first = plan.part(rank).first;
  groups.global_batch = plan.global_batch();
  groups.spans_ranks = plan.groups_span_ranks(groups.group_samples);
  groups.sum_over_ranks = std::move(sum_over_ranks);
}

TrainingStep::Inputs TrainingStep::make_inputs(const Batch& batch, StepOutcome& outcome) const {
  const auto count = static_cast<std::int64_t>(batch.samples.size());
  const std::vector<std::int64_t> shape = {count, 1, batch.height, batch.width};
  const std::size_t pixels = static_cast<std::size_t>(batch.height * batch.width);
  require(batch.noise.size() == batch.images.size(), "a batch was completed with its noise");
  torch::Tensor timestep = torch::empty({count}, torch::kInt64);
  for (std::int64_t i = 0; i < count; ++i) {
    const Sample& sample = batch.samples[static_cast<std::size_t>(i)];
    Random random(options_.seed, Stream::timestep, sample.epoch, sample.global_index);
    const std::uint64_t t = random.below(num_timesteps);
    timestep[i] = static_cast<std::int64_t>(t);
    const std::uint64_t noise_digest =
        digest64(std::as_bytes(std::span(batch.noise).subspan(static_cast<std::size_t>(i) * pixels, pixels)));
    const std::array<std::uint64_t, 4> identity = {sample.global_index, sample.id, t, noise_digest};
    // A sum is equal however ranks divide the samples.
    outcome.inputs += digest64(std::as_bytes(std::span(identity)));
  }
  Inputs inputs;
  inputs.slices = torch::from_blob(const_cast<float*>(batch.images.data()), shape, torch::kFloat32)
                      .to(device_, false, /*copy=*/true);
  if (options_.trainer.loss_mask == "brain")
    inputs.mask = torch::from_blob(const_cast<std::uint8_t*>(batch.masks.data()), shape, torch::kUInt8)
                      .to(device_, torch::kFloat32);
  inputs.timestep = timestep.to(device_);
  inputs.noise = torch::from_blob(const_cast<float*>(batch.noise.data()), shape, torch::kFloat32)
                     .to(device_, false, /*copy=*/true);
  return inputs;
}

torch::Tensor TrainingStep::drop_path_keep(const Batch& batch) const {
  const auto& rates = model_.encoder().drop_rates();
  if (rates.empty() || rates.back() == 0.0) return {};
  torch::Tensor keep =
      torch::ones({static_cast<std::int64_t>(rates.size()), static_cast<std::int64_t>(batch.samples.size())});
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    Random random(options_.seed, Stream::drop_path, batch.samples[i].epoch, batch.samples[i].global_index);
    for (std::size_t block = 0; block < rates.size(); ++block)
      if (random.uniform() < rates[block])
        keep[static_cast<std::int64_t>(block)][static_cast<std::int64_t>(i)] = 0.0f;
  }
  return keep.to(device_);
}

StepOutcome TrainingStep::run(const Batch& batch) {
  StepOutcome outcome;
  auto start = Clock::now();
  const Inputs inputs = make_inputs(batch, outcome);
  const std::int64_t count = inputs.slices.size(0);
  require(count == plan_.part(rank_).second - plan_.part(rank_).first,
          "a batch holds this rank's part of the global batch");
  const bool half = options_.trainer.precision == "bf16";
  sync_.zero_gradients();

  torch::Tensor condition, condition_leaf;
  if (model_.is_conditioned()) {
    const Autocast autocast(device_, half);
    condition = model_.encoder().forward(inputs.slices, drop_path_keep(batch)).to(torch::kFloat32);
    condition_leaf = condition.detach().requires_grad_(true);
  }
  const torch::Tensor clean = to_diffusion_range(inputs.slices);
  const torch::Tensor noised = schedule_.add_noise(clean, inputs.noise, inputs.timestep);
  outcome.forward_seconds += seconds_since(start);

  const std::int64_t micro = options_.trainer.micro_batch > 0 ? options_.trainer.micro_batch : count;
  for (std::int64_t first = 0; first < count; first += micro) {
    const std::int64_t last = std::min(count, first + micro);
    const auto part = [&](const torch::Tensor& whole) {
      return whole.defined() ? whole.slice(0, first, last) : whole;
    };
    start = Clock::now();
    torch::Tensor loss;
    {
      const Autocast autocast(device_, half);
      const torch::Tensor prediction =
          model_.unet().forward(part(noised), part(inputs.timestep), part(condition_leaf));
      loss = per_sample_l1(prediction.to(torch::kFloat32), part(clean), part(inputs.mask)).sum();
    }
    outcome.loss_sum += loss.item<double>();
    outcome.forward_seconds += seconds_since(start);
    start = Clock::now();
    if (last == count) sync_.expect_last_backward();
    (loss / static_cast<double>(plan_.global_batch())).backward();
    outcome.backward_seconds += seconds_since(start);
  }
  start = Clock::now();
  if (condition.defined()) condition.backward(condition_leaf.grad());
  outcome.exposed_sync_seconds = sync_.exposed_seconds();
  // Without an encoder it was the UNet's last backward pass, above, that waited for the sums.
  outcome.backward_seconds += seconds_since(start) - outcome.exposed_sync_seconds;
  return outcome;
}

void TrainingStep::update_statistics() {
  if (!model_.is_conditioned()) return;
  const auto [first, last] = plan_.part(rank_);
  update_running_statistics(model_, model_.encoder().sample_groups(), last - first);
}

}  // namespace gyrus
