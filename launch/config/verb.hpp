#pragma once

#include <functional>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

/// `gyrus config show|explain|diff|digest|options`: the composed configuration, where a value came from, how
/// two differ, all options.
/// @param visit_all_options  walks every option of the program under its path from the root
/// @throws ConfigError
int config_verb(const std::vector<std::string>& arguments,
                const std::function<void(Fields&)>& visit_all_options);

}  // namespace gyrus
