#pragma once

namespace gyrus {

// Equal to project(VERSION) in CMakeLists.txt, checked by a test.
inline constexpr const char* version = "0.1.0";

}  // namespace gyrus
