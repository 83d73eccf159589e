#pragma once

#include <torch/types.h>

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "data/loader.hpp"
#include "data/placement/job_data.hpp"
#include "launch/exit_code.hpp"
#include "launch/mpi.hpp"
#include "launch/stop_signal.hpp"
#include "launch/topology.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/clock.hpp"
#include "trainer/distributed/gradient_sync.hpp"
#include "trainer/feed/device_feed.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/options.hpp"
#include "trainer/plan.hpp"
#include "trainer/report/metrics_log.hpp"
#include "trainer/report/run_display.hpp"
#include "trainer/task.hpp"
#include "trainer/training_step.hpp"

namespace gyrus {

class RunDirectory;

/// One training job: builds the parts, resumes, loops over steps, validates, checkpoints and stops in time.
/// All ranks make one with equal options; every public function is collective.
class Trainer {
 public:
  /// @param run  the run folder; rank 0's only, null on the others
  Trainer(const Options& options, const mpi::Communicator& communicator, const Topology& topology,
          RunDirectory* run);
  ~Trainer();

  /// @returns finished, or stopped_early when a signal asked to stop; a valid checkpoint is on disk in both
  /// cases
  ExitCode run();

 private:
  /// What ranks tell each other each step, in the exchange that takes place anyway.
  struct StepReport {
    double loss_sum, data_wait;
    std::uint64_t inputs;
    std::int64_t stop_signal, checkpoint_due, num_substitutions;
  };

  void build_model();
  void resume();
  void train();
  void show_start() const;
  void take_step(const Batch& batch, double data_seconds, const std::vector<Substitution>& substitutions);
  void report_substitutions(const std::vector<Substitution>& own);
  StepReport exchange(const StepReport& own) const;
  void update_weights(double loss, double norm, double lr);
  void validate();
  void report_validation(const SetScores& scores) const;
  void save_checkpoint(bool is_best);
  void check_weights() const;
  bool validates_after(std::int64_t steps) const;
  void write_state(const std::string& status) const;
  void event(const std::string& what, const std::string& detail) const;
  TrainState current_state() const;
  torch::nn::Module& evaluated_model() const { return average_ ? *average_ : *model_; }
  bool is_first() const { return communicator_.rank() == 0; }
  std::map<std::string, std::string> fixed_options() const;

  Options options_;
  const mpi::Communicator& communicator_;
  Topology topology_;
  RunDirectory* run_;
  torch::Device device_;
  Plan plan_;
  RunDisplay display_{options_, plan_};
  StopSignal stop_signal_;
  JobData data_;
  std::unique_ptr<DeviceFeed> feed_;
  std::unique_ptr<Task> task_;
  std::shared_ptr<torch::nn::Module> model_, average_;
  std::vector<torch::Tensor> parameters_;
  c10::intrusive_ptr<c10d::ProcessGroup> group_;
  std::unique_ptr<GradientSync> sync_;
  std::unique_ptr<TrainingStep> training_step_;
  std::unique_ptr<Optimizer> optimizer_;
  std::unique_ptr<MetricsLog> metrics_;  // rank 0
  CheckpointStore store_;

  std::int64_t step_ = 0;         // steps done
  std::int64_t saved_step_ = -1;  // step of the newest checkpoint
  std::int64_t validated_step_ = -1;
  bool validation_due_ = false;      // of the weights after step_
  std::int64_t num_steps_here_ = 0;  // in this process
  std::int64_t skipped_in_a_row_ = 0;
  std::int64_t num_substitutions_ = 0;  // slices that could not be read, in this process
  std::int64_t stop_requested_ = 0;     // agreed signal number
  bool checkpoint_due_ = false;         // agreed
  std::map<std::string, double> last_metrics_;
  std::map<std::string, double> best_metrics_;
  Clock::time_point last_saved_at_;
  double usual_step_seconds_ = 0.0, total_data_wait_ = 0.0, total_step_seconds_ = 0.0;
};

}  // namespace gyrus
