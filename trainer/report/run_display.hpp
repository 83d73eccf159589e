#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "data/placement/job_data.hpp"
#include "launch/topology.hpp"
#include "trainer/evaluation/evaluator.hpp"
#include "trainer/options.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

/// What a person sees of a run: the table before it, the line during it, chart and paths after it. The log
/// prints it on rank 0 only.
class RunDisplay {
 public:
  RunDisplay(const Options& options, const Plan& plan) : options_(options), plan_(plan) {}

  /// @param task_rows     what the task says of itself, first the model
  /// @param seconds_left  of training, without validations
  void start(const std::vector<std::pair<std::string, std::string>>& task_rows, const JobData& data,
             const Topology& topology, torch::Device device, std::int64_t attempt, double seconds_left) const;

  struct Progress {
    std::int64_t step = 0;
    double samples_per_second = 0.0, loss = 0.0, data_share = 0.0;
    std::optional<double> dice;
  };
  /// On a terminal the line is redrawn; elsewhere it is printed some twenty times per run.
  void progress(const Progress& now) const;

  void validation(std::int64_t samples, const SetScores& scores) const;

  /// Reads the run's metrics, so that the chart shows all attempts.
  /// @param num_substitutions  training slices that could not be read since this attempt began
  void end(const std::optional<std::filesystem::path>& best_checkpoint, std::int64_t num_substitutions) const;

 private:
  const Options& options_;
  const Plan& plan_;
};

}  // namespace gyrus
