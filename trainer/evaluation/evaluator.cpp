#include "trainer/evaluation/evaluator.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "launch/files.hpp"
#include "trainer/clock.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/evaluation/postprocess.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t num_curve_points = 64;

torch::Tensor slices_of(const Volume& volume, const std::vector<float>& values) {
  return torch::from_blob(const_cast<float*>(values.data()), {volume.depth, 1, volume.height, volume.width},
                          torch::kFloat32);
}

}  // namespace

void measure_errors(const std::vector<float>& map, ScoredVolume& scored) {
  double absolute[2] = {0.0, 0.0}, squared[2] = {0.0, 0.0}, count[2] = {0.0, 0.0};
  for (std::size_t i = 0; i < map.size(); ++i) {
    const int lesion = scored.volume.lesion[i] != 0 ? 1 : 0;
    absolute[lesion] += map[i];
    squared[lesion] += static_cast<double>(map[i]) * map[i];
    count[lesion] += 1.0;
  }
  const auto means = [&](const double* sum) {  // 0 / 0 is NaN: not defined
    return RegionMeans{(sum[0] + sum[1]) / (count[0] + count[1]), sum[0] / count[0], sum[1] / count[1]};
  };
  scored.l1 = means(absolute);
  scored.l2 = means(squared);
}

Evaluator::Evaluator(const Dataset& dataset, const Reconstructor& reconstructor, const NoiseOptions& noise,
                     const EvaluationOptions& options, std::uint64_t seed, torch::Device device)
    : dataset_(dataset),
      reconstructor_(reconstructor),
      noise_(noise),
      options_(options),
      noise_model_(make_noise_model(noise)),
      seed_(seed),
      device_(device) {
  if (options_.erosion < 0) options_.erosion = dataset.height() / 25;
}

torch::Tensor Evaluator::noise_for(const Volume& volume, std::int64_t first_slice, std::int64_t slices,
                                   std::int64_t level) const {
  torch::Tensor noise = torch::empty({slices, 1, volume.height, volume.width});
  const std::uint64_t key = digest64(volume.id, static_cast<std::uint64_t>(level));
  for (std::int64_t i = 0; i < slices; ++i) {
    const bool shared = noise_.sharing == "batch";
    const auto epoch =
        static_cast<std::uint64_t>(shared ? 0 : first_slice + i);  // one field per volume, or one per slice
    noise_model_->draw(Random(seed_, Stream::validation_noise, epoch, key), volume.height, volume.width,
                       noise[i].data_ptr<float>());
  }
  return noise.to(device_);
}

torch::Tensor Evaluator::reconstruct_volume(DiffusionModel& model, const Volume& volume) const {
  const torch::Tensor all = slices_of(volume, volume.image);
  std::vector<torch::Tensor> parts;
  for (std::int64_t first = 0; first < volume.depth; first += options_.slice_batch) {
    const std::int64_t count = std::min(options_.slice_batch, volume.depth - first);
    const torch::Tensor slices = all.slice(0, first, first + count).to(device_);
    const auto noise = [&](std::int64_t level) { return noise_for(volume, first, count, level); };
    parts.push_back(reconstructor_.reconstruct(model, slices, noise_.level, noise).to(torch::kCPU));
  }
  return torch::cat(parts).contiguous();
}

Evaluator::MapMaker Evaluator::residuals_of(DiffusionModel& model) const {
  return [this, &model](ScoredVolume& scored) {
    const torch::NoGradGuard no_gradient;
    const Volume& volume = scored.volume;
    const torch::Tensor all = slices_of(volume, volume.image);
    torch::Tensor reconstruction = reconstruct_volume(model, volume);
    const torch::Tensor mask =
        torch::from_blob(const_cast<std::uint8_t*>(volume.mask.data()), all.sizes(), torch::kUInt8)
            .to(torch::kFloat32);
    if (reconstructor_.learned_brain_only()) reconstruction = torch::where(mask > 0, reconstruction, all);
    scored.loss = 2.0 * per_sample_error("l1", reconstruction, all, mask)
                            .mean()
                            .item<double>();  // the diffusion's range is twice the slices'
    scored.reconstruction.assign(reconstruction.data_ptr<float>(),
                                 reconstruction.data_ptr<float>() + reconstruction.numel());
    std::vector<float> residual(scored.reconstruction.size());
    for (std::size_t i = 0; i < residual.size(); ++i)
      residual[i] = std::abs(volume.image[i] - scored.reconstruction[i]);
    return residual;
  };
}

ScoredVolume Evaluator::score(const MapMaker& make_map, const std::string& set, std::int64_t index) const {
  ScoredVolume scored;
  scored.volume = dataset_.read_volume(set, index);
  const Volume& volume = scored.volume;
  std::vector<float> map = make_map(scored);
  measure_errors(map, scored);
  scored.residual = postprocess_map(std::move(map), volume.mask, extent_of(volume), options_);
  return scored;
}

SetScores Evaluator::score_set(const MapMaker& make_map, const std::string& set,
                               const mpi::Communicator& communicator,
                               const std::function<void(const ScoredVolume&)>& visit) const {
  const auto start = Clock::now();
  SetScores scores;
  scores.set = set;
  const auto count = static_cast<std::int64_t>(dataset_.volumes(set).size());
  // One place per patient, so that the sums do not depend on which rank held whom.
  std::vector<double> losses(static_cast<std::size_t>(count), 0.0), errors = losses;
  for (std::int64_t index = communicator.rank(); index < count; index += communicator.size()) {
    const ScoredVolume scored = score(make_map, set, index);
    scores.histogram.add(scored.residual, scored.volume.lesion);
    losses[index] = scored.loss;
    errors[index] = scored.l1.all;
    if (visit) visit(scored);
  }
  scores.histogram.sum_over_ranks(communicator);
  communicator.sum_in_place(losses);
  communicator.sum_in_place(errors);
  scores.patients = count;
  scores.loss = std::accumulate(losses.begin(), losses.end(), 0.0) / static_cast<double>(count);
  scores.l1 = std::accumulate(errors.begin(), errors.end(), 0.0) / static_cast<double>(count);
  scores.best = scores.histogram.best_dice();
  scores.auprc = scores.histogram.auprc();
  scores.auroc = scores.histogram.auroc();
  // The curve covers twice the best threshold: where its peak and its flanks are.
  const double last = std::clamp(2.0 * scores.best.threshold, 0.05, 1.0);
  for (std::int64_t i = 1; i <= num_curve_points; ++i) {
    scores.curve_thresholds.push_back(last * static_cast<double>(i) / num_curve_points);
    scores.curve_dice.push_back(scores.histogram.dice_above(scores.curve_thresholds.back()));
  }
  scores.seconds = seconds_since(start);
  return scores;
}

}  // namespace gyrus
