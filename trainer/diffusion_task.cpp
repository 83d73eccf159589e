// The conditioned (or unconditioned, or patched) diffusion model as a task of the trainer.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>

#include "data/loader.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/encoder_init.hpp"
#include "trainer/diffusion_step.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/initial_weights.hpp"
#include "trainer/plan.hpp"
#include "trainer/report/terminal.hpp"
#include "trainer/task.hpp"

namespace gyrus {
namespace {

class DiffusionTask : public Task {
 public:
  DiffusionTask(const Options& options, std::shared_ptr<const Dataset> dataset, torch::Device device)
      : options_(options),
        dataset_(std::move(dataset)),
        device_(device),
        reconstructor_(options.objective, options.corruption, dataset_->height(), dataset_->width()),
        evaluator_(*dataset_, reconstructor_, options.noise, options.evaluation, options.seed, device) {
    check_noise_device(options.noise, device);
    // A wrong name ends the job now, not at the first validation.
    const auto& followed = dataset_->volumes(options.validation.set);
    if (std::ranges::none_of(followed, [](const auto& volume) { return volume.label != 0; }))
      log::warning("no volume of validation.set={} has lesions: its Dice says nothing",
                   options.validation.set);
  }

  std::shared_ptr<torch::nn::Module> make_network() const override {
    auto network = std::make_shared<DiffusionModel>(options_.model);
    initialise_weights(*network, options_.seed);
    return network;
  }

  void begin(torch::nn::Module& network) const override {
    if (!options_.model.encoder.init.empty())
      initialise_encoder(dynamic_cast<DiffusionModel&>(network), options_.model.encoder.init);
  }

  std::unique_ptr<TrainingStep> make_step(torch::nn::Module& network, StepContext context) const override {
    return std::make_unique<DiffusionStep>(options_, dynamic_cast<DiffusionModel&>(network),
                                           std::move(context), dataset_->height(), dataset_->width());
  }

  SetScores validate(torch::nn::Module& network, const std::string& set, std::int64_t step,
                     const mpi::Communicator& communicator, const Visit& visit) const override {
    auto& model = dynamic_cast<DiffusionModel&>(network);
    SetScores scores = evaluator_.score_set(evaluator_.residuals_of(model), set, communicator, visit);
    if (options_.validation.loss == "random") scores.loss = random_loss(model, set, step, communicator);
    return scores;
  }

  std::vector<std::pair<std::string, std::string>> describe(torch::nn::Module& network) const override;

 private:
  double random_loss(DiffusionModel& model, const std::string& set, std::int64_t step,
                     const mpi::Communicator& communicator) const;

  const Options& options_;
  std::shared_ptr<const Dataset> dataset_;
  torch::Device device_;
  Reconstructor reconstructor_;
  Evaluator evaluator_;
};

/// The published validation loss (Q19): the training loss of one random, augmented slice of every volume,
/// with timesteps and noise drawn anew at each validation.
double DiffusionTask::random_loss(DiffusionModel& model, const std::string& set, std::int64_t step,
                                  const mpi::Communicator& communicator) const {
  const torch::NoGradGuard no_gradient;
  const std::uint64_t seed = digest64("validation", static_cast<std::uint64_t>(options_.seed));
  const SampleOrder order(*dataset_, set, OrderOptions{}, seed);  // one random slice of each volume
  const auto count = static_cast<std::int64_t>(order.samples_per_epoch());
  const DiffusionObjective objective(options_, seed, options_.trainer.global_batch, dataset_->height(),
                                     dataset_->width(), device_);
  DataOptions loading = options_.data;
  loading.loader_threads = 1;
  loading.prefetch_batches = 1;
  Loader loader(dataset_, set, order, loading, seed);
  // An epoch of the set belongs to this step; ranks take its samples in turn.
  const std::uint64_t first = first_validation_sample(step, count, options_.trainer.global_batch);
  const auto own = (count - communicator.rank() + communicator.size() - 1) / communicator.size();
  loader.start(
      0, static_cast<std::uint64_t>(own),
      [&](std::uint64_t i) {
        const std::uint64_t index = first + static_cast<std::uint64_t>(communicator.rank()) +
                                    i * static_cast<std::uint64_t>(communicator.size());
        return std::pair{index, index + 1};
      },
      [&](Batch& batch) { objective.complete(batch); });
  std::vector<double> losses(static_cast<std::size_t>(count), 0.0);
  for (std::int64_t i = 0; i < own; ++i) {
    const DiffusionInputs inputs = objective.make_inputs(loader.next());
    const torch::Tensor condition =
        model.is_conditioned() ? model.encoder().forward(inputs.slices) : torch::Tensor();
    const torch::Tensor output = model.unet().forward(inputs.noised, inputs.timestep, condition);
    losses[static_cast<std::size_t>(communicator.rank() + i * communicator.size())] =
        objective.loss(output, inputs).item<double>();
  }
  communicator.sum_in_place(losses);
  double sum = 0.0;
  for (const double loss : losses) sum += loss;
  return sum / static_cast<double>(count);
}

std::vector<std::pair<std::string, std::string>> DiffusionTask::describe(torch::nn::Module& network) const {
  auto& model = dynamic_cast<DiffusionModel&>(network);
  std::string parameters = format_count(num_parameters(model));
  if (model.is_conditioned())
    parameters += fmt::format(" (unet {}, encoder {})", format_count(num_parameters(model.unet())),
                              format_count(num_parameters(model.encoder())));
  std::string noise = fmt::format("{}, one field per {}, test level {}", options_.noise.kind,
                                  options_.noise.sharing, fmt::join(options_.noise.level, ", "));
  if (options_.corruption.region != "full")
    noise += fmt::format(", in {} boxes of {}", options_.corruption.region,
                         fmt::join(options_.corruption.box, " x "));
  return {{"model", fmt::format("{}, conditioning {}, {} parameters", options_.model.name,
                                options_.model.conditioning, parameters)},
          {"noise", noise}};
}

}  // namespace

std::unique_ptr<Task> make_diffusion_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                          torch::Device device) {
  return std::make_unique<DiffusionTask>(options, std::move(dataset), device);
}

}  // namespace gyrus
