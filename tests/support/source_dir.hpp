#pragma once

#include <filesystem>

namespace gyrus::test {

/// The project's folder. Only the file behind this knows it, so that a compiler cache serves every other one
/// to all clones.
std::filesystem::path source_dir();

}  // namespace gyrus::test
