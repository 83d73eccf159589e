#include "trainer/diffusion/training_inputs.hpp"

#include <torch/torch.h>

#include <array>
#include <span>

#include "data/random.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/feed/device_slices.hpp"

namespace gyrus {
namespace {

std::uint64_t key_of(const Box& box) {
  const std::array<std::int64_t, 4> edges = {box.row, box.column, box.rows, box.columns};
  return digest64(std::as_bytes(std::span(edges)));
}

}  // namespace

DiffusionInputs DiffusionInputs::part(std::int64_t first, std::int64_t last) const {
  const auto cut = [&](const torch::Tensor& whole) {
    return whole.defined() ? whole.slice(0, first, last) : whole;
  };
  return {cut(slices), cut(clean), cut(noise), cut(noised), cut(timestep), cut(mask), cut(pixels), hash};
}

DiffusionObjective::DiffusionObjective(const Options& options, std::uint64_t seed, std::int64_t global_batch,
                                       std::int64_t rows, std::int64_t columns, torch::Device device)
    : options_(options),
      seed_(seed),
      global_batch_(global_batch),
      rows_(rows),
      columns_(columns),
      device_(device),
      noise_(options.noise, seed, global_batch, device),
      corruption_(make_corruption(options.corruption, rows, columns)),
      prediction_(make_prediction(options.objective, schedule_)),
      weights_(loss_weights(options.objective, schedule_).to(device)) {}

void DiffusionObjective::limit_to_boxes(const std::vector<Box>& boxes, DiffusionInputs& inputs) const {
  const torch::Tensor inside = box_masks(boxes, rows_, columns_).to(device_);
  inputs.noised = torch::where(inside > 0, inputs.noised, inputs.clean);
  if (options_.corruption.loss == "slice")
    inputs.pixels =
        inputs.mask.defined()
            ? inputs.mask.sum({1, 2, 3})
            : torch::full({inside.size(0)}, static_cast<double>(rows_ * columns_), inside.options());
  inputs.mask = inputs.mask.defined() ? inputs.mask * inside : inside;
}

DiffusionInputs DiffusionObjective::make_inputs(const Batch& batch) const {
  const auto count = static_cast<std::int64_t>(batch.samples.size());
  const std::size_t pixels = static_cast<std::size_t>(batch.height * batch.width);
  require(batch.noise.size() == batch.samples.size() * pixels, "a batch was completed with its noise");
  torch::Tensor timestep = torch::empty({count}, torch::kInt64);
  DiffusionInputs inputs;
  std::vector<Box> boxes;
  for (std::int64_t i = 0; i < count; ++i) {
    const Sample& sample = batch.samples[static_cast<std::size_t>(i)];
    const auto keyed = [&](Stream stream) {
      return Random(seed_, stream, sample.epoch, sample.global_index);
    };
    const auto position =
        static_cast<std::int64_t>(sample.global_index % static_cast<std::uint64_t>(global_batch_));
    const std::int64_t t =
        draw_timestep(options_.objective, keyed(Stream::timestep), position, global_batch_);
    timestep[i] = t;
    boxes.push_back(corruption_->draw(keyed(Stream::corruption_box)));
    const std::uint64_t noise_digest =
        digest64(std::as_bytes(std::span(batch.noise).subspan(static_cast<std::size_t>(i) * pixels, pixels)));
    const std::array<std::uint64_t, 5> identity = {
        sample.global_index, sample.id, static_cast<std::uint64_t>(t), noise_digest, key_of(boxes.back())};
    // A sum is equal however ranks divide the samples.
    inputs.hash += digest64(std::as_bytes(std::span(identity)));
  }
  const DeviceSlices slices = slices_on_device(batch, device_);
  inputs.slices = slices.images;
  if (options_.objective.mask == "brain") inputs.mask = slices.masks.to(torch::kFloat32);
  inputs.timestep = timestep.to(device_);
  inputs.noise = slices.noise;
  inputs.clean = to_diffusion_range(inputs.slices);
  inputs.noised = schedule_.add_noise(inputs.clean, inputs.noise, inputs.timestep);
  if (options_.corruption.region != "full") limit_to_boxes(boxes, inputs);
  return inputs;
}

torch::Tensor DiffusionObjective::condition_keep(const Batch& batch) const {
  const double rate = options_.model.condition_dropout;
  if (rate == 0.0) return {};
  torch::Tensor keep = torch::ones({static_cast<std::int64_t>(batch.samples.size()), 1});
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    const Sample& sample = batch.samples[i];
    Random random(seed_, Stream::condition_dropout, sample.epoch, sample.global_index);
    if (random.uniform() < rate) keep[static_cast<std::int64_t>(i)] = 0.0f;
  }
  return keep.to(device_);
}

torch::Tensor DiffusionObjective::loss(const torch::Tensor& output, const DiffusionInputs& inputs) const {
  const torch::Tensor target = prediction_->target(inputs.clean, inputs.noise);
  const torch::Tensor error =
      per_sample_error(options_.objective.error, output, target, inputs.mask, inputs.pixels);
  return options_.objective.weight == "none" ? error : error * weights_.index_select(0, inputs.timestep);
}

}  // namespace gyrus
