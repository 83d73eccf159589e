#pragma once

#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "launch/config/node.hpp"
#include "launch/config/sweep.hpp"

namespace gyrus {

/// What stands behind the = of an override: one value, or a sweep.
using OverrideValue = std::variant<ConfigNode, Sweep>;

/// A call in an override: name(positional..., name=value...).
struct FunctionCall {
  std::string name;
  std::vector<OverrideValue> arguments;
  std::vector<std::pair<std::string, OverrideValue>> named;
};

/// The functions of Hydra's override grammar, with Python's rules of conversion and comparison:
///
///   int float str bool      casts; of lists, mappings and sweeps element by element
///   choice range interval glob   sweeps
///   sort shuffle            of a list literal: a list; of several values or a sweep: a sweep
///   tag                     names for a sweep
///
/// `shuffle` takes a further seed=N (default 0): the order is the same on every rank.
/// @throws CompositionError (override_function) saying what is wrong with the call
OverrideValue call_function(const FunctionCall& call);

}  // namespace gyrus
