#pragma once

#include <string>
#include <vector>

#include "launch/config/config.hpp"
#include "launch/config/node.hpp"
#include "launch/config/override_parser.hpp"

namespace gyrus {

/// The composed tree with its interpolations still in place, and Hydra's own node under `hydra`
/// (hydra_node.hpp). @throws CompositionError
ConfigNode compose_tree(const ComposeRequest& request);

/// Sorted names of the options of a group in all config folders of the request. @throws CompositionError
std::vector<std::string> group_options(const ComposeRequest& request, const std::string& group);

/// Merges `source` into `target`: mappings key by key, all else replaces; `???` replaces nothing. Replaced
/// values are kept in the history of the new one. @throws CompositionError (type_conflict) for a list over a
/// mapping or the reverse
void merge(const ConfigNode& root, ConfigNode& target, const ConfigNode& source, const std::string& path);

/// Applies one override of a value. @param allow_new_keys  see ComposeRequest
/// @throws CompositionError
void apply_override(ConfigNode& root, const Override& given, bool allow_new_keys);

}  // namespace gyrus
