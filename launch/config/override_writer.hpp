#pragma once

#include <string>

#include "launch/config/node.hpp"

namespace gyrus {

/// A value as the override of a sweep's job spells it: `key=SPELLING` reads back as the same value with the
/// same type. Spelled as hydra-core does (True, null, 1e-05, a\,b, 'quoted as it was'), but text that would
/// read back as something else ('1', a#b) stands in quotes.
std::string spell_override_value(const ConfigNode& value);

}  // namespace gyrus
