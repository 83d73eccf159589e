#pragma once

#include <cstddef>
#include <functional>

namespace gyrus {

/// Runs `work` for 0 .. count-1, in order of beginning, in at most `num_threads` threads, and waits. After
/// the first exception nothing new is begun; it is thrown here.
void in_threads(std::size_t count, std::size_t num_threads, const std::function<void(std::size_t)>& work);

}  // namespace gyrus
