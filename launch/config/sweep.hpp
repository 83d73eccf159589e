#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "launch/config/node.hpp"

namespace gyrus {

/// What an override says instead of one value: values to try one after another.
struct Sweep {
  enum class Kind { choice, range, glob, interval };

  Kind kind = Kind::choice;
  bool is_simple = false;                      // a,b,c and not choice(a,b,c)
  std::vector<ConfigNode> values;              // of a choice
  ConfigNode start, stop, step;                // numbers, of a range; of an interval without step
  std::vector<std::string> include, exclude;   // patterns, of a glob
  std::optional<std::uint64_t> shuffled = {};  // the seed
  std::set<std::string> tags;

  const char* kind_name() const;
};

/// The values of a sweep in the order in which they are tried. Ranges exclude their end; one number with a
/// point makes all values floats. A shuffle depends on its seed alone, so every rank and every resumed job
/// sees the same order.
/// @param group_options  what a glob chooses from
/// @throws CompositionError: sweep_type for an interval, which has no values to enumerate; sweep_empty
std::vector<ConfigNode> enumerate(const Sweep& sweep, const std::vector<std::string>& group_options);

/// The Fisher-Yates shuffle with a generator of its own, equal on every platform.
void shuffle_values(std::vector<ConfigNode>& values, std::uint64_t seed);

}  // namespace gyrus
