#pragma once

#include "launch/config/node.hpp"

namespace gyrus {

/// A copy of the tree in which every interpolation is replaced by what it stands for:
///
///   ${a.b}  ${.sibling}  ${..uncle}  ${a[0]}  ${a.${b}}     values of the tree, with their types when they
///   stand alone
///   ${oc.env:NAME,default}  ${oc.select:key,default}  ${oc.decode:text}  ${oc.create:value}
///   ${oc.dict.keys:key}  ${oc.dict.values:key}  \${not one}
///
/// Missing values (???) stay. Origins and histories are kept.
/// @throws CompositionError: interpolation_cycle, interpolation_key, interpolation_missing, env_missing, ...
ConfigNode resolve(const ConfigNode& root);

/// The resolved value at a dotted path that exists. @throws CompositionError
ConfigNode resolve_at(const ConfigNode& root, const std::string& path);

}  // namespace gyrus
