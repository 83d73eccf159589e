#pragma once

#include <string>

#include "launch/config/node.hpp"

namespace gyrus {

/// Block YAML that `read_yaml` reads back as the same tree: text that looks like another type stands in
/// quotes, and text that looks like an interpolation is escaped (the tree is taken to be resolved).
std::string write_yaml(const ConfigNode& root);

/// The same for a tree whose interpolations are still to be resolved by its reader.
std::string write_unresolved_yaml(const ConfigNode& root);

/// Indented JSON; infinities and NaN become text.
std::string write_json(const ConfigNode& root);

}  // namespace gyrus
