#pragma once

namespace gyrus {

inline constexpr const char* version =
    "0.1.0";  // equal to project(VERSION) in CMakeLists.txt, checked by a test

}  // namespace gyrus
