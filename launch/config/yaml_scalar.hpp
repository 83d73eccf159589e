#pragma once

#include <string_view>

#include "launch/config/node.hpp"

namespace gyrus {

/// A plain (unquoted) YAML scalar by the rules of YAML 1.1 as OmegaConf reads them: `yes` is true, `1_000`
/// and `0x1F` are integers, `1:30` counts in sixties, `1e-3` is a float, `2024-01-31` text.
ConfigNode read_plain_scalar(std::string_view text);

}  // namespace gyrus
