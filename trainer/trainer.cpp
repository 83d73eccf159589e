// The training job: how it is built, resumed, run and stopped. One step's mathematics is in
// diffusion_step.cpp and spark_step.cpp.
#include "trainer/trainer.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <sstream>

#include "launch/agree.hpp"
#include "launch/config/config.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/resume.hpp"
#include "trainer/device.hpp"
#include "trainer/distributed/process_group.hpp"
#include "trainer/distributed/replicas.hpp"
#include "trainer/report/pictures.hpp"
#include "trainer/report/terminal.hpp"
#include "trainer/run_directory.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t most_skipped_in_a_row = 20;
constexpr double bytes_per_mb = 1024.0 * 1024.0;

/// Of one step: what went in, and the loss that came out.
std::string fingerprint_of(std::uint64_t inputs, double loss) {
  const auto rounded = static_cast<float>(loss);
  return to_hex(digest64(std::as_bytes(std::span(&rounded, 1)), inputs));
}

/// Whether `value` of `metric` is better than the best so far.
bool improves(const std::string& metric, const std::map<std::string, double>& value,
              const std::map<std::string, double>& best) {
  const auto found = value.find(metric), known = best.find(metric);
  if (found == value.end() || std::isnan(found->second)) return false;
  if (known == best.end()) return true;
  return metric == "loss" ? found->second < known->second : found->second > known->second;
}

}  // namespace

Trainer::Trainer(const Options& options, const mpi::Communicator& communicator, const Topology& topology,
                 RunDirectory* run)
    : options_(options),
      communicator_(communicator),
      topology_(topology),
      run_(run),
      device_(agree_on_device(communicator, options.trainer.device, topology)),
      plan_(options.trainer.max_samples, options.trainer.global_batch, communicator.size()),
      store_(std::filesystem::path(options.run.dir) / "checkpoints") {
  set_compute_threads(topology);
  data_ = open_for_job(options_.data, "train", communicator_, topology_);
  on_every_rank(communicator_, [&] {
    feed_ = make_device_feed(options_.data, "train", options_.seed, data_, device_,
                             static_cast<std::size_t>(topology_.own_cores()));
    task_ = make_task(options_, data_.dataset, device_);
  });
  build_model();
  if (is_first()) metrics_ = std::make_unique<MetricsLog>(run_->path(), run_->attempt());
  resume();
  check_weights();
}

Trainer::~Trainer() = default;

void Trainer::build_model() {
  model_ = task_->make_network();
  move_model(*model_, device_);
  if (options_.trainer.ema_decay > 0.0) {
    average_ = make_network(options_.model);
    move_model(*average_, device_);
    copy_state(*model_, *average_);
    average_->eval();
  }
  for (const auto& parameter : model_->parameters()) parameters_.push_back(parameter);
  optimizer_ = std::make_unique<Optimizer>(options_.trainer.optimizer, parameters_);
  group_ = make_process_group(communicator_, device_);
  sync_ = std::make_unique<GradientSync>(
      parameters_, group_, static_cast<std::int64_t>(options_.trainer.bucket_mb * bytes_per_mb));
  training_step_ = task_->make_step(*model_, {plan_, *sync_, communicator_.rank(),
                                              make_sum_over_ranks(communicator_, group_, device_), device_});
}

// ----------------------------------------------------------------------------------------------------------
// resuming

void Trainer::resume() {
  std::string chosen;
  on_rank_zero(communicator_, [&] {
    store_.remove_unfinished();
    chosen = choose_checkpoint(store_, options_.checkpoint.resume).string();
  });
  chosen = communicator_.broadcast_text(chosen, 0);
  if (chosen.empty()) {
    on_every_rank(communicator_, [&] { task_->begin(*model_); });
    if (average_) copy_state(*model_, *average_);
    event("start", "at step 0");
    return;
  }
  on_every_rank(communicator_, [&] {
    const TrainState state = read_checkpoint(chosen);
    check_same_run(state, chosen, fixed_options(), *data_.dataset);
    load_tensors(*model_, state.weights, chosen);
    // An imported checkpoint has no average, and moments only when its file had all of them.
    const bool is_imported = !state.imported_from.empty();
    if (average_) load_tensors(*average_, is_imported ? state.weights : state.average, chosen);
    if (!is_imported || !state.optimizer.empty())
      load_optimizer(*optimizer_, *model_, state.optimizer, chosen);
    optimizer_->set_num_steps(state.optimizer_steps);
    step_ = state.step;
    saved_step_ = store_.has(step_) ? step_ : -1;  // it may be the checkpoint of another run
    last_metrics_ = best_metrics_ = state.metrics;
    const bool is_last = step_ == plan_.num_steps();
    validation_due_ = state.metrics.empty() && (is_last || validates_after(step_));
    if (const auto best = store_.best()) best_metrics_ = inspect_checkpoint(*best, false).metrics;
  });
  log::info("resumed from {} (step {}, {} samples)", chosen, step_, format_count(plan_.samples_after(step_)));
  event("resume", fmt::format("from {}", chosen));
}

// ------------------------------------------------------------------------------------------------------------
// the loop

ExitCode Trainer::run() {
  if (step_ >= plan_.num_steps())
    log::info("this run is complete: {} steps, {} samples, in {}", step_,
              format_count(plan_.samples_after(step_)), options_.run.dir);
  else
    train();
  if (saved_step_ != step_) save_checkpoint(false);
  if (step_ < plan_.num_steps()) {
    event("stop", fmt::format("signal {}", stop_requested_));
    write_state("stopped");
    log::info("stopped by signal {} at step {} of {}; a checkpoint is saved, start again to go on",
              stop_requested_, step_, plan_.num_steps());
    return ExitCode::stopped_early;
  }
  if (validation_due_) {
    validate();
    event("finish", "");
  }
  write_state("finished");
  if (is_first()) display_.end(store_.best(), num_substitutions_);
  return ExitCode::finished;
}

void Trainer::train() {
  write_state("running");
  const SampleOrder order(*data_.dataset, "train", options_.data.order, options_.seed);
  check_same_order(order, communicator_);
  Loader loader(data_.dataset, "train", order, options_.data, options_.seed, feed_->pixels());
  const auto part = plan_.part(communicator_.rank());
  loader.start(
      static_cast<std::uint64_t>(step_), static_cast<std::uint64_t>(plan_.num_steps() - step_),
      [this, part](std::uint64_t step) {
        const auto first = step * static_cast<std::uint64_t>(plan_.global_batch());
        return std::pair{first + static_cast<std::uint64_t>(part.first),
                         first + static_cast<std::uint64_t>(part.second)};
      },
      [this](Batch& batch) {
        training_step_->complete(batch);
        feed_->send(batch);
      });
  last_saved_at_ = Clock::now();
  model_->train();
  // The second step shows the pace: the first one also warms caches up.
  const std::int64_t step_with_pace = std::min(step_ + 2, plan_.num_steps());
  while (step_ < plan_.num_steps() && stop_requested_ == 0) {
    if (validation_due_) validate();
    const double before = loader.seconds_waited();
    const Batch batch = loader.next();
    take_step(batch, loader.seconds_waited() - before, loader.take_substitutions());
    if (step_ == step_with_pace) show_start();
    validation_due_ = step_ == plan_.num_steps() || validates_after(step_);
    if (plan_.crosses(step_ - 1, options_.trainer.check_replicas_every_samples)) check_weights();
    if (checkpoint_due_ || plan_.crosses(step_ - 1, options_.checkpoint.every_samples))
      save_checkpoint(false);
  }
}

void Trainer::show_start() const {
  const double seconds_left = static_cast<double>(plan_.num_steps() - step_) * usual_step_seconds_;
  display_.start(task_->describe(*model_), data_, topology_, device_, run_ != nullptr ? run_->attempt() : 1,
                 seconds_left);
}

void Trainer::take_step(const Batch& batch, double data_seconds,
                        const std::vector<Substitution>& substitutions) {
  const auto start = Clock::now();
  const StepOutcome outcome = training_step_->run(batch);
  const double minutes = options_.checkpoint.every_minutes;
  const StepReport all = exchange({outcome.loss_sum, data_seconds, outcome.inputs, stop_signal_.received(),
                                   minutes > 0.0 && seconds_since(last_saved_at_) > 60.0 * minutes ? 1 : 0,
                                   static_cast<std::int64_t>(substitutions.size())});
  if (all.num_substitutions > 0) report_substitutions(substitutions);
  checkpoint_due_ = all.checkpoint_due != 0;
  stop_requested_ = all.stop_signal;
  const double loss = all.loss_sum / static_cast<double>(plan_.global_batch());

  const auto optimizer_start = Clock::now();
  // Gradients are equal on all ranks, so every rank comes to the same verdict about them.
  const double norm = gradient_norm(parameters_).item<double>();
  const std::int64_t samples = plan_.samples_after(step_);
  const double lr = options_.trainer.optimizer.learning_rate(samples, options_.trainer.max_samples);
  update_weights(loss, norm, lr);
  ++step_;
  const double optimizer_seconds = seconds_since(optimizer_start);
  const double step_seconds = seconds_since(start) + data_seconds;
  usual_step_seconds_ = num_steps_here_++ < 2 ? step_seconds : 0.9 * usual_step_seconds_ + 0.1 * step_seconds;
  total_data_wait_ += all.data_wait;
  total_step_seconds_ += step_seconds;
  if (is_first() && (step_ % options_.trainer.log_every_steps == 0 || step_ == plan_.num_steps()))
    metrics_->write("train", step_,
                    {{"samples", plan_.samples_after(step_)},
                     {"epoch", batch.samples.back().epoch},
                     {"loss", loss},
                     {"lr", lr},
                     {"grad_norm", norm},
                     {"samples_per_second", plan_.global_batch() / step_seconds},
                     {"step_seconds",
                      {{"data", data_seconds},
                       {"forward", outcome.forward_seconds},
                       {"backward", outcome.backward_seconds},
                       {"sync", outcome.exposed_sync_seconds},
                       {"optimizer", optimizer_seconds}}},
                     {"inputs", to_hex(all.inputs)},
                     {"fingerprint", fingerprint_of(all.inputs, loss)}});
  const auto dice = last_metrics_.find("dice");
  display_.progress({step_, plan_.global_batch() / usual_step_seconds_, loss,
                     total_data_wait_ / total_step_seconds_,
                     dice == last_metrics_.end() ? std::nullopt : std::optional(dice->second)});
}

Trainer::StepReport Trainer::exchange(const StepReport& own) const {
  StepReport all = {};
  for (const auto& report : communicator_.all_gather(own)) {
    all.loss_sum += report.loss_sum;
    all.inputs += report.inputs;
    all.data_wait = std::max(all.data_wait, report.data_wait);
    all.stop_signal = std::max(all.stop_signal, report.stop_signal);
    all.checkpoint_due = std::max(all.checkpoint_due, report.checkpoint_due);
    all.num_substitutions += report.num_substitutions;
  }
  return all;
}

/// Collective. Each is an event of the run, whichever rank met it.
void Trainer::report_substitutions(const std::vector<Substitution>& own) {
  std::string text;
  for (const auto& substitution : own)
    text += fmt::format("sample {}: {}; shown instead: slice {} of {}\n", substitution.wanted.global_index,
                        substitution.reason, substitution.shown.slice,
                        data_.dataset->volumes("train")[substitution.shown.volume].subject);
  for (const std::string& of_rank : communicator_.all_gather_text(text)) {
    std::istringstream lines(of_rank);
    for (std::string line; std::getline(lines, line); ++num_substitutions_) {
      event("substitution", line);
      log::warning("{}", line);
    }
  }
}

void Trainer::update_weights(double loss, double norm, double lr) {
  if (std::isfinite(loss) && std::isfinite(norm)) {
    const double clip = options_.trainer.clip_norm;
    if (clip > 0.0 && norm > clip) scale_gradients(parameters_, clip / norm);
    optimizer_->step(lr);
    training_step_->update_statistics();
    if (average_) move_average(*average_, *model_, options_.trainer.ema_decay, optimizer_->num_steps());
    skipped_in_a_row_ = 0;
    return;
  }
  ++skipped_in_a_row_;
  event("nan", fmt::format("loss {} gradient norm {}", loss, norm));
  const std::string what =
      fmt::format("loss {} and gradient norm {} at step {} are not finite", loss, norm, step_ + 1);
  if (options_.trainer.nan_policy == "stop" || skipped_in_a_row_ > most_skipped_in_a_row)
    throw AgreedError(
        ExitCode::do_not_requeue,
        fmt::format(
            "{}; the last checkpoint is from step {}. Lower trainer.optimizer.lr, clip gradients "
            "(trainer.clip_norm), or leave such updates out (trainer.nan_policy=skip, at most {} in a row)",
            what, std::max<std::int64_t>(0, saved_step_), most_skipped_in_a_row));
  log::warning("{}; the update is left out", what);
}

void Trainer::validate() {
  torch::nn::Module& model = evaluated_model();
  model.eval();
  std::vector<ScoredVolume> shown;  // of this rank
  const std::int64_t pictures_per_rank =
      (options_.validation.pictures + communicator_.size() - 1) / communicator_.size();
  const SetScores scores =
      task_->validate(model, options_.validation.set, step_, communicator_, [&](const ScoredVolume& volume) {
        if (static_cast<std::int64_t>(shown.size()) < pictures_per_rank) shown.push_back(volume);
      });
  model.train();
  const auto pictures = std::filesystem::path(options_.run.dir) / "pictures";
  on_every_rank(communicator_, [&] {
    for (const auto& volume : shown)
      write_picture(pictures / fmt::format("step-{:09d}-{}.png", step_, volume.volume.id), volume,
                    scores.best.threshold);
  });
  report_validation(scores);
  last_metrics_ = {{"dice", scores.best.dice}, {"threshold", scores.best.threshold},
                   {"auprc", scores.auprc},    {"auroc", scores.auroc},
                   {"loss", scores.loss},      {"l1", scores.l1}};
  std::erase_if(last_metrics_, [](const auto& metric) { return std::isnan(metric.second); });
  validated_step_ = step_;
  validation_due_ = false;
  const bool is_best = improves(options_.checkpoint.metric, last_metrics_, best_metrics_);
  if (is_best) best_metrics_ = last_metrics_;
  if (saved_step_ == step_)
    on_rank_zero(communicator_, [&] { store_.add_metrics(step_, last_metrics_, is_best); });
  else if (is_best)
    save_checkpoint(true);
}

void Trainer::report_validation(const SetScores& scores) const {
  if (is_first())
    metrics_->write("validation", step_,
                    {{"samples", plan_.samples_after(step_)},
                     {"set", scores.set},
                     {"loss", scores.loss},
                     {"dice", scores.best.dice},
                     {"threshold", scores.best.threshold},
                     {"auprc", scores.auprc},
                     {"auroc", scores.auroc},
                     {"l1", scores.l1},
                     {"patients", scores.patients},
                     {"seconds", scores.seconds},
                     {"dice_curve", {{"thresholds", scores.curve_thresholds}, {"dice", scores.curve_dice}}}});
  display_.validation(plan_.samples_after(step_), scores);
}

// ---------------------------------------------------------------------------------------------------------
// checkpoints

TrainState Trainer::current_state() const {
  TrainState state;
  state.step = step_;
  state.samples = plan_.samples_after(step_);
  state.optimizer_steps = optimizer_->num_steps();
  state.weights = named_state(*model_);
  if (average_) state.average = named_state(*average_);
  state.optimizer = named_moments(*optimizer_, *model_);
  state.fixed_options = fixed_options();
  state.dataset_digest = data_.dataset->digest();
  if (validated_step_ == step_) state.metrics = last_metrics_;
  return state;
}

void Trainer::save_checkpoint(bool is_best) {
  check_weights();
  const auto start = Clock::now();
  on_rank_zero(communicator_, [&] { store_.save(current_state(), is_best, options_.checkpoint.keep_last); });
  saved_step_ = step_;
  last_saved_at_ = Clock::now();
  event("checkpoint", fmt::format("{}{:.2f} s", is_best ? "best, " : "", seconds_since(start)));
}

void Trainer::check_weights() const {
  check_replicas(communicator_, *model_,
                 fmt::format("At step {}; start again: the run resumes from the checkpoint of step {}", step_,
                             std::max<std::int64_t>(0, saved_step_)));
}

// ----------------------------------------------------------------------------------------------------------
// what the run is known by

std::map<std::string, std::string> Trainer::fixed_options() const {
  Options copy = options_;
  return options_fixed_on_resume([&](Fields& fields) { copy.fields(fields); });
}

bool Trainer::validates_after(std::int64_t steps) const {
  return steps > 0 && plan_.crosses(steps - 1, options_.validation.every_samples);
}

void Trainer::write_state(const std::string& status) const {
  if (is_first())
    run_->write_state(status, communicator_.size(), step_, plan_.samples_after(step_),
                      options_digest(fixed_options()));
}

void Trainer::event(const std::string& what, const std::string& detail) const {
  if (metrics_)
    metrics_->write("event", step_,
                    {{"event", what}, {"detail", detail}, {"world_size", communicator_.size()}});
}

}  // namespace gyrus
