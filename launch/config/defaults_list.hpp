#pragma once

#include <map>
#include <string>
#include <vector>

#include "launch/config/override_parser.hpp"
#include "launch/config/repository.hpp"

namespace gyrus {

/// One config file of the final defaults list and where its content lands.
struct ComposedPart {
  const ConfigFile* file;
  std::string package;  // dotted path; empty is the root
};

/// Per group (with @package where that is not the group's own place): the name of the option, a list of
/// names, or null.
using Choices = std::map<std::string, ConfigNode>;

struct ExpandedDefaults {
  std::vector<ComposedPart> parts;
  Choices choices;
};

/// Expands the defaults list of the primary config, and of every config it names, in the order of
/// composition: what stands later wins. `group_overrides` are the overrides of the command line whose key is
/// a group. `skip_missing`: a choice that is ??? is left out and is no error. Reference: hydra-core 1.3, "The
/// Defaults List" (groups, _self_, optional, override, packages, interpolation).
/// @throws CompositionError
ExpandedDefaults expand_defaults(ConfigRepository& repository, const std::string& primary_config,
                                 const std::vector<Override>& group_overrides, bool skip_missing);

}  // namespace gyrus
