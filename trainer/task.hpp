#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "data/dataset.hpp"
#include "launch/mpi.hpp"
#include "trainer/evaluation/evaluator.hpp"
#include "trainer/options.hpp"
#include "trainer/training_step.hpp"

namespace gyrus {

/// What a run trains, chosen by `model.kind`: the network, its step and its validation. The trainer knows no
/// more of the method than this.
class Task {
 public:
  using Visit = std::function<void(const ScoredVolume&)>;

  virtual ~Task() = default;

  /// With random weights from the seed: equal on all ranks.
  virtual std::shared_ptr<torch::nn::Module> make_network() const = 0;

  /// Called when a training begins at step 0: takes what the options say from elsewhere (a pre-trained
  /// encoder).
  /// @throws DataError
  virtual void begin(torch::nn::Module& network) const = 0;

  /// Collective. @param network  made by this task; outlives the step
  virtual std::unique_ptr<TrainingStep> make_step(torch::nn::Module& network, StepContext context) const = 0;

  /// Scores the network, in evaluation mode, on a set; NaN for scores that the task does not have. `visit`
  /// sees each volume of this rank. Equal for every number of ranks. Collective.
  /// @param step  of the training, for validations that are drawn anew each time
  virtual SetScores validate(torch::nn::Module& network, const std::string& set, std::int64_t step,
                             const mpi::Communicator& communicator, const Visit& visit) const = 0;

  /// Rows of the table that a run starts with: model and what is particular to the task.
  virtual std::vector<std::pair<std::string, std::string>> describe(torch::nn::Module& network) const = 0;
};

/// `options` and `dataset` outlive the task. @throws ConfigError when the data does not suit it
std::unique_ptr<Task> make_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                torch::Device device);
std::unique_ptr<Task> make_diffusion_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                          torch::Device device);
std::unique_ptr<Task> make_spark_task(const Options& options, std::shared_ptr<const Dataset> dataset,
                                      torch::Device device);

/// The network of the options, with arbitrary weights.
std::shared_ptr<torch::nn::Module> make_network(const ModelOptions& options);

}  // namespace gyrus
