#pragma once

#include <filesystem>
#include <string>
#include <string_view>

#include "launch/config/node.hpp"

namespace gyrus {

/// Reads one YAML document with the scalars of YAML 1.1 as OmegaConf 2.3 reads them (`yes` is true, `1e-3` a
/// float, `2024-01-31` text). Anchors become copies, `<<` merges. An empty document is null.
/// @param name  how messages and origins call the text
/// @throws CompositionError: syntax, a key twice, several documents (or text behind the first), unknown tags,
/// too deep or too large
ConfigNode read_yaml(const std::string& content, const std::string& name);

/// @throws CompositionError, also when the file cannot be read
ConfigNode read_yaml_file(const std::filesystem::path& path);

/// The content of a configuration file. @throws CompositionError (config_missing) when it cannot be read
std::string read_config_text(const std::filesystem::path& path);

}  // namespace gyrus
