// Masked pre-training of the encoder as a task of the trainer.
#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "launch/files.hpp"
#include "trainer/clock.hpp"
#include "trainer/models/initial_weights.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/report/terminal.hpp"
#include "trainer/spark_step.hpp"
#include "trainer/task.hpp"

namespace gyrus {
namespace {

constexpr double no_score = std::numeric_limits<double>::quiet_NaN();

class SparkTask : public Task {
 public:
  SparkTask(const Options& options, std::shared_ptr<const Dataset> dataset, torch::Device device)
      : options_(options), dataset_(std::move(dataset)), device_(device) {
    dataset_->volumes(options.validation.set);  // a wrong name ends the job now, not at the first validation
  }

  std::shared_ptr<torch::nn::Module> make_network() const override {
    auto network = std::make_shared<SparkModel>(options_.model.encoder, options_.model.spark);
    initialise_weights(*network, options_.seed);
    return network;
  }

  void begin(torch::nn::Module&) const override {}

  std::unique_ptr<TrainingStep> make_step(torch::nn::Module& network, StepContext context) const override {
    return std::make_unique<SparkStep>(options_, dynamic_cast<SparkModel&>(network), std::move(context));
  }

  SetScores validate(torch::nn::Module& network, const std::string& set, std::int64_t,
                     const mpi::Communicator& communicator, const Visit& visit) const override;

  std::vector<std::pair<std::string, std::string>> describe(torch::nn::Module& network) const override {
    const std::int64_t edge = downsampling(options_.model.encoder);
    return {{"model", fmt::format("{}, masked pre-training, {} parameters", options_.model.name,
                                  format_count(num_parameters(network)))},
            {"mask",
             fmt::format("{:.0f} % of {} x {} cells of {} pixels", 100.0 * options_.model.spark.mask_ratio,
                         dataset_->height() / edge, dataset_->width() / edge, edge)}};
  }

 private:
  ScoredVolume restore(SparkModel& model, const std::string& set, std::int64_t index,
                       std::int64_t step) const;

  const Options& options_;
  std::shared_ptr<const Dataset> dataset_;
  torch::Device device_;
};

/// The volume with its hidden cells restored. The masks belong to the volume and do not change over a
/// training, unless validation.loss=random draws them anew at each validation (Q19).
ScoredVolume SparkTask::restore(SparkModel& model, const std::string& set, std::int64_t index,
                                std::int64_t step) const {
  ScoredVolume scored;
  scored.volume = dataset_->read_volume(set, index);
  const Volume& volume = scored.volume;
  const bool anew = options_.validation.loss == "random";
  const std::uint64_t key = digest64(volume.id, anew ? static_cast<std::uint64_t>(step) : 0);
  std::vector<Random> random;
  for (std::int64_t slice = 0; slice < volume.depth; ++slice)
    random.emplace_back(static_cast<std::uint64_t>(options_.seed), Stream::spark_mask,
                        static_cast<std::uint64_t>(slice), key);
  const torch::Tensor visible =
      draw_visible(options_.model, volume.mask, volume.height, volume.width, random);
  const torch::Tensor slices =
      torch::from_blob(const_cast<float*>(volume.image.data()),
                       {volume.depth, 1, volume.height, volume.width}, torch::kFloat32);
  const double hidden = static_cast<double>(visible[0].numel()) - visible[0].sum().item<double>();
  const std::int64_t batch = options_.evaluation.slice_batch;
  std::vector<torch::Tensor> parts;
  double error = 0.0;
  for (std::int64_t first = 0; first < volume.depth; first += batch) {
    const std::int64_t last = std::min(volume.depth, first + batch);
    const torch::Tensor part = slices.slice(0, first, last).to(device_),
                        seen = visible.slice(0, first, last).to(device_);
    const torch::Tensor restored = model.forward(part, seen);
    error += masked_cell_error(restored, part, seen).sum().item<double>();
    parts.push_back(torch::where(VisibleCells(seen).over(part) > 0, part, restored).to(torch::kCPU));
  }
  scored.loss = error / (static_cast<double>(volume.depth) * hidden);
  const torch::Tensor whole = torch::cat(parts).contiguous();
  scored.reconstruction.assign(whole.data_ptr<float>(), whole.data_ptr<float>() + whole.numel());
  for (std::size_t i = 0; i < volume.image.size(); ++i)
    scored.residual.push_back(std::abs(volume.image[i] - scored.reconstruction[i]));
  return scored;
}

SetScores SparkTask::validate(torch::nn::Module& network, const std::string& set, std::int64_t step,
                              const mpi::Communicator& communicator, const Visit& visit) const {
  const torch::NoGradGuard no_gradient;
  const auto start = Clock::now();
  auto& model = dynamic_cast<SparkModel&>(network);
  SetScores scores;
  scores.set = set;
  scores.patients = static_cast<std::int64_t>(dataset_->volumes(set).size());
  // Each entry is one rank's own, so that sums do not depend on how ranks share the volumes.
  std::vector<double> losses(static_cast<std::size_t>(scores.patients), 0.0);
  for (std::int64_t index = communicator.rank(); index < scores.patients; index += communicator.size()) {
    const ScoredVolume scored = restore(model, set, index, step);
    losses[static_cast<std::size_t>(index)] = scored.loss;
    if (visit) visit(scored);
  }
  communicator.sum_in_place(losses);
  for (const double loss : losses) scores.loss += loss / static_cast<double>(scores.patients);
  scores.best = {no_score, no_score};
  scores.auprc = scores.auroc = scores.l1 = no_score;
  scores.seconds = seconds_since(start);
  return scores;
}

}  // namespace

std::unique_ptr<Task> make_spark_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                      torch::Device device) {
  return std::make_unique<SparkTask>(options, std::move(dataset), device);
}

}  // namespace gyrus
