#pragma once

#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace gyrus {

/// Leaves new numbers as they are in memory: a buffer that is filled at once need not be filled with zeros
/// first.
template <class T>
struct UninitializedAllocator : std::allocator<T> {
  static_assert(std::is_arithmetic_v<T>);
  template <class U>
  struct rebind {
    using other = UninitializedAllocator<U>;
  };
  template <class U>
  void construct(U* place) noexcept {
    ::new (static_cast<void*>(place)) U;
  }
  template <class U, class... Args>
  void construct(U* place, Args&&... args) {
    ::new (static_cast<void*>(place)) U(std::forward<Args>(args)...);
  }
};

/// A vector whose `resize` leaves new elements undefined.
template <class T>
using PixelBuffer = std::vector<T, UninitializedAllocator<T>>;

}  // namespace gyrus
