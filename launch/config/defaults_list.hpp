#pragma once

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

/// Expands the defaults list of the primary config, and of every config it names, in the order of
/// composition: what stands later wins. `group_overrides` are the overrides of the command line whose key is
/// a group. Reference: hydra-core 1.3, "The Defaults List" (groups, _self_, optional, override, packages,
/// interpolation).
/// @throws CompositionError
std::vector<ComposedPart> expand_defaults(ConfigRepository& repository, const std::string& primary_config,
                                          const std::vector<Override>& group_overrides);

}  // namespace gyrus
