#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// `gyrus shards ls|verify|stat PATH [--json]`
int shards_verb(const std::vector<std::string>& arguments);

}  // namespace gyrus
