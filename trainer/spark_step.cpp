#include "trainer/spark_step.hpp"

#include <torch/torch.h>

#include <array>
#include <span>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/autocast.hpp"
#include "trainer/clock.hpp"
#include "trainer/distributed/gradient_sync.hpp"
#include "trainer/feed/device_slices.hpp"
#include "trainer/plan.hpp"

namespace gyrus {
namespace {

/// Sum over samples of hashes of (position, slice id, visible cells): equal however ranks divide the samples.
std::uint64_t hash_of(const Batch& batch, const torch::Tensor& visible) {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    const torch::Tensor cells = visible[static_cast<std::int64_t>(i)].contiguous();
    const std::uint64_t key =
        digest64(std::as_bytes(std::span(cells.data_ptr<float>(), static_cast<std::size_t>(cells.numel()))));
    const std::array<std::uint64_t, 3> identity = {batch.samples[i].global_index, batch.samples[i].id, key};
    sum += digest64(std::as_bytes(std::span(identity)));
  }
  return sum;
}

}  // namespace

torch::Tensor draw_visible(const ModelOptions& options, std::span<const std::uint8_t> masks,
                           std::int64_t height, std::int64_t width, std::span<const Random> random) {
  const std::int64_t edge = downsampling(options.encoder);
  const auto pixels = static_cast<std::size_t>(height * width);
  torch::Tensor visible =
      torch::zeros({static_cast<std::int64_t>(random.size()), 1, height / edge, width / edge});
  auto* out = visible.data_ptr<float>();
  for (std::size_t i = 0; i < random.size(); ++i) {
    const auto brain = cells_with_brain(masks.subspan(i * pixels, pixels), height, width, edge);
    for (const auto cell : draw_visible_cells(options.spark, random[i], brain)) *out++ = cell;
  }
  return visible;
}

SparkStep::SparkStep(const Options& options, SparkModel& model, StepContext context)
    : options_(options), model_(model), context_(std::move(context)) {
  place_in_global_batch(model_.encoder().sample_groups(), context_);
}

StepOutcome SparkStep::run(const Batch& batch) {
  StepOutcome outcome;
  auto start = Clock::now();
  std::vector<Random> random;
  for (const auto& sample : batch.samples)
    random.emplace_back(static_cast<std::uint64_t>(options_.seed), Stream::spark_mask, sample.epoch,
                        sample.global_index);
  const DeviceSlices on_device = slices_on_device(batch, context_.device);
  const torch::Tensor masks = on_device.masks.cpu();
  const torch::Tensor cells =
      draw_visible(options_.model, {masks.data_ptr<std::uint8_t>(), static_cast<std::size_t>(masks.numel())},
                   batch.height, batch.width, random);
  outcome.inputs = hash_of(batch, cells);
  const torch::Tensor visible = cells.to(context_.device);
  const torch::Tensor slices = on_device.images;
  context_.sync.zero_gradients();

  torch::Tensor restored;
  {
    const Autocast autocast(context_.device, options_.trainer.precision == "bf16");
    restored = model_.forward(slices, visible,
                              drop_path_keep(model_.encoder(), batch, options_.seed, context_.device));
  }
  const double batch_size = static_cast<double>(context_.plan.global_batch());
  const double hidden = static_cast<double>(cells[0].numel()) - cells[0].sum().item<double>();
  // Mean over the hidden cells of the whole global batch.
  const torch::Tensor loss =
      masked_cell_error(restored.to(torch::kFloat32), slices, visible).sum() / (batch_size * hidden);
  outcome.loss_sum = loss.item<double>() * batch_size;
  outcome.forward_seconds = seconds_since(start);
  start = Clock::now();
  context_.sync.expect_last_backward();
  loss.backward();
  outcome.exposed_sync_seconds = context_.sync.exposed_seconds();
  outcome.backward_seconds = seconds_since(start) - outcome.exposed_sync_seconds;
  return outcome;
}

void SparkStep::update_statistics() {
  const auto [first, last] = context_.plan.part(context_.rank);
  update_running_statistics(model_, model_.encoder().sample_groups(), last - first);
}

}  // namespace gyrus
