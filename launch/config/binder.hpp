#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"
#include "launch/config/node.hpp"

namespace gyrus {

/// Fills the options that `visit` walks from the mapping `section`, which lies at `path` of the
/// configuration.
/// @throws ConfigError: unknown keys (with a suggestion), wrong types, values outside their rules, missing
/// values
void bind_fields(const ConfigNode& section, const std::string& path,
                 const std::function<void(Fields&)>& visit);

/// What help says about one option. `default_text` is the member's value before binding.
struct OptionDescription {
  std::string path;
  std::string type;
  std::string default_text;
  std::string help;
  Rules rules;
};
std::vector<OptionDescription> describe_options(const std::function<void(Fields&)>& visit);

/// Binds and describes at once: `default_text` is the value that the configuration gives, or the default
/// where it is silent. @throws ConfigError as bind_fields
std::vector<OptionDescription> bound_options(const ConfigNode& root,
                                             const std::function<void(Fields&)>& visit);

/// The rule in words: "at least 1", "0 to 1", "simplex|gaussian"; empty without one.
std::string describe_rules(const Rules& rules);

}  // namespace gyrus
