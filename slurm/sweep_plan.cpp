#include "slurm/sweep_plan.hpp"

#include <fmt/format.h>

#include "launch/config/override_parser.hpp"

namespace gyrus {

SweepPlan plan_sweep(const std::vector<std::string>& overrides) {
  SweepPlan plan;
  plan.trials.emplace_back();
  for (const std::string& text : overrides) {
    const Override given = parse_override(text);
    if (given.choices.size() <= 1) {
      plan.fixed.push_back(text);
      continue;
    }
    if (given.key.starts_with("sweep.") || given.key.starts_with("submit.")) {
      throw ConfigError(fmt::format("override {}: {} is an option of the whole sweep and takes one value",
                                    text, given.key));
    }
    plan.varying_keys.push_back(given.key_with_package());
    const std::string prefix = text.substr(0, text.find('=') + 1);
    std::vector<std::vector<std::string>> longer;
    for (const auto& trial : plan.trials) {
      for (const std::string& choice : given.choice_texts) {
        longer.push_back(trial);
        longer.back().push_back(prefix + choice);
      }
    }
    plan.trials = std::move(longer);
  }
  return plan;
}

}  // namespace gyrus
