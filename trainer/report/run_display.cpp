#include "trainer/report/run_display.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "launch/log.hpp"
#include "trainer/report/run_history.hpp"
#include "trainer/report/terminal.hpp"

namespace gyrus {

void RunDisplay::start(const std::vector<std::pair<std::string, std::string>>& task_rows, const JobData& data,
                       const Topology& topology, torch::Device device, std::int64_t attempt,
                       double seconds_left) const {
  const auto part = plan_.part(0);
  const Dataset& dataset = *data.dataset;
  std::string sets;
  for (const auto& set : dataset.sets())
    sets += fmt::format("{}{} {}", sets.empty() ? "" : ", ", set, dataset.volumes(set).size());
  std::vector<std::pair<std::string, std::string>> rows = {
      {"run", fmt::format("{} (attempt {})", options_.run.dir, attempt)},
      {"data", fmt::format("{}: {} x {} slices; volumes: {}", options_.data.name, dataset.height(),
                           dataset.width(), sets)},
      {"slices", fmt::format("{}: {}", data.source.policy, data.source.reason)}};
  rows.insert(rows.end(), task_rows.begin(), task_rows.end());
  const std::vector<std::pair<std::string, std::string>> plan_rows = {
      {"plan",
       fmt::format("{} samples = {} steps of {}, about {} and the validations{}",
                   format_count(plan_.samples_after(plan_.num_steps())), format_count(plan_.num_steps()),
                   plan_.global_batch(), format_duration(seconds_left),
                   plan_.dropped_samples() > 0
                       ? fmt::format(" ({} do not fill a step)", plan_.dropped_samples())
                       : "")},
      {"ranks",
       fmt::format("{} on {} node(s), {} per rank, {} thread(s) each, {}", topology.world_size,
                   topology.num_nodes, part.second - part.first, torch::get_num_threads(), device.str())},
      {"optimizer", fmt::format("{}, lr {} {}{}", options_.trainer.optimizer.name,
                                options_.trainer.optimizer.lr, options_.trainer.optimizer.schedule,
                                options_.trainer.ema_decay > 0.0
                                    ? fmt::format(", weights averaged with {}", options_.trainer.ema_decay)
                                    : "")},
  };
  rows.insert(rows.end(), plan_rows.begin(), plan_rows.end());
  log::info("{}", format_table(rows));
}

void RunDisplay::progress(const Progress& now) const {
  const double left =
      static_cast<double>(plan_.samples_after(plan_.num_steps() - now.step)) / now.samples_per_second;
  const double share = static_cast<double>(now.step) / static_cast<double>(plan_.num_steps());
  const std::string line =
      fmt::format("step {}/{}  {:.0f} %  {:.1f} samples/s  {} left  loss {:.4f}  dice {}  data wait {:.1f} %",
                  now.step, plan_.num_steps(), 100.0 * share, now.samples_per_second, format_duration(left),
                  now.loss, now.dice ? fmt::format("{:.4f}", *now.dice) : "-", 100.0 * now.data_share);
  if (log::on_terminal()) {
    log::progress(line);
    return;
  }
  // A line early, where the estimate is wanted, then one per twentieth of the run.
  const std::int64_t every = std::max<std::int64_t>(1, plan_.num_steps() / 20);
  if (now.step == 10 || now.step % every == 0) log::info("{}", line);
}

void RunDisplay::validation(std::int64_t samples, const SetScores& scores) const {
  std::string lesion_scores;
  if (!std::isnan(scores.best.dice))
    lesion_scores =
        fmt::format("dice {:.4f} at {:.3f}  auprc {:.4f}  auroc {:.4f}  l1 {:.4f}  ", scores.best.dice,
                    scores.best.threshold, scores.auprc, scores.auroc, scores.l1);
  log::info("  validation {:>9} samples  {}loss {:.4f}  ({} patients, {})", format_count(samples),
            lesion_scores, scores.loss, scores.patients, format_duration(scores.seconds));
}

void RunDisplay::end(const std::optional<std::filesystem::path>& best_checkpoint,
                     std::int64_t num_substitutions) const {
  const std::filesystem::path folder = options_.run.dir;
  std::vector<double> samples, dice;
  for (const auto& validation : read_validations(folder / "metrics.jsonl")) {
    samples.push_back(static_cast<double>(validation.samples));
    dice.push_back(validation.dice);
  }
  const bool has_curve = std::ranges::any_of(dice, [](double value) { return std::isfinite(value); });
  if (has_curve)
    log::info("\n{}",
              format_chart(fmt::format("Dice on {}", options_.validation.set), samples, dice, "samples"));
  if (num_substitutions > 0)
    log::warning(
        "{} training slices could not be read and others were shown in their place (events of "
        "metrics.jsonl); "
        "`gyrus shards verify {}` names the damage",
        num_substitutions, options_.data.root);
  log::info(
      "\n{}",
      format_table({{"best checkpoint", best_checkpoint ? best_checkpoint->string() : "-"},
                    {"metrics", (folder / "metrics.jsonl").string() + ", metrics.csv, tensorboard/"},
                    {"pictures", (folder / "pictures").string()},
                    {"logs", (folder / "log").string()},
                    {"go on", options_.model.kind == "spark"
                                  ? fmt::format("gyrus train model.encoder.init={} ...", options_.run.dir)
                                  : fmt::format("gyrus eval checkpoint={}", options_.run.dir)}}));
}

}  // namespace gyrus
