#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// `gyrus checkpoint ls RUN_DIR [--json]` and `gyrus checkpoint verify PATH`: what checkpoints there are, and
/// whether every byte of them is what was written. `verify` returns 3 when one is damaged.
int checkpoint_verb(const std::vector<std::string>& arguments);

}  // namespace gyrus
