#pragma once

#include <string>
#include <vector>

#include "launch/config/config.hpp"

namespace gyrus {

/// `gyrus lint [--fix] [--json] [override ...]`: reads the sources of the configured data set and prints what
/// is wrong with them. @param check  throws when the whole configuration has a mistake
/// @return 0, or 3 when errors are left
int lint_verb(const std::vector<std::string>& arguments, const CheckConfig& check);

}  // namespace gyrus
