#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// The trials of a sweep: every combination of the values that overrides list with commas.
struct SweepPlan {
  std::vector<std::string> fixed;  // overrides that all trials share
  std::vector<std::string> varying_keys;
  std::vector<std::vector<std::string>> trials;  // per trial, `key=value` of each varying key
};

/// The last override that lists values varies fastest, as Hydra's basic sweeper does it.
/// @throws ConfigError for an override that is not in the grammar, or a sweep over the sweep's own options
SweepPlan plan_sweep(const std::vector<std::string>& overrides);

}  // namespace gyrus
