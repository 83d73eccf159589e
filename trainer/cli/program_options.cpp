#include "trainer/cli/program_options.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "launch/error.hpp"
#include "trainer/checkpoint/resume.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

void ProgramOptions::fields(Fields& f) {
  trainer.fields(f);
  f.group("submit", submit);
  f.group("sweep", sweep);
}

ProgramOptions bind_program_options(const Config& config) {
  ProgramOptions options;
  config.bind(options);
  options.trainer.validate();
  return options;
}

void check_submission(const Config& config) {
  const ProgramOptions options = bind_program_options(config);
  const auto& plan = options.trainer.trainer;
  Plan(plan.max_samples, plan.global_batch,  // throws when ranks would have nothing to do
       static_cast<int>(options.submit.nodes * options.submit.tasks_per_node));
  const std::filesystem::path run_dir = options.trainer.run.dir;
  if (!std::filesystem::exists(run_dir / "config.yaml")) return;
  const auto fixed = [](ProgramOptions all) {
    return options_fixed_on_resume([&](Fields& fields) { all.trainer.fields(fields); });
  };
  const std::string changes =
      list_changes(fixed(bind_program_options(Config::load(run_dir / "config.yaml"))), fixed(options));
  if (!changes.empty())
    throw ConfigError(
        fmt::format("run.dir {} holds a run with another configuration:{}\nChange it back, or choose "
                    "another run.name",
                    run_dir.string(), changes));
}

void visit_all_options(Fields& fields) {
  ProgramOptions options;
  options.fields(fields);
}

}  // namespace gyrus
