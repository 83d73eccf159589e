#pragma once

#include "launch/config/node.hpp"

namespace gyrus {

/// The key of Hydra's own node at the top of a composed tree.
inline constexpr const char* hydra_key = "hydra";

/// A copy of the tree in which every interpolation is replaced by what it stands for. Hydra's own node
/// (`hydra`) is left out: interpolations read it, and of it only what they ask for must have a value.
///
///   ${a.b}  ${.sibling}  ${..uncle}  ${a[0]}  ${a.${b}}     values of the tree, with their types when they
///   stand alone
///   ${oc.env:NAME,default}  ${oc.select:key,default}  ${oc.decode:text}  ${oc.create:value}
///   ${oc.dict.keys:key}  ${oc.dict.values:key}  ${hydra:job.name}  \${not one}
///
/// Missing values (???) stay. Origins and histories are kept.
/// @throws CompositionError: interpolation_cycle, interpolation_key, interpolation_missing, env_missing, ...
ConfigNode resolve(const ConfigNode& root);

/// The resolved value at a dotted path that exists. @throws CompositionError
ConfigNode resolve_at(const ConfigNode& root, const std::string& path);

}  // namespace gyrus
