#pragma once

#include <utility>

namespace gyrus {

/// Move-only owner of a C handle. Traits: `using type`, `static type null()`, `static void close(type)`.
template <class Traits>
class Handle {
 public:
  using type = typename Traits::type;

  Handle() = default;
  explicit Handle(type raw) : raw_(raw) {}
  Handle(Handle&& other) noexcept : raw_(std::exchange(other.raw_, Traits::null())) {}
  Handle& operator=(Handle&& other) noexcept {
    if (this != &other) {
      reset();
      raw_ = std::exchange(other.raw_, Traits::null());
    }
    return *this;
  }
  ~Handle() { reset(); }

  type get() const { return raw_; }
  explicit operator bool() const { return raw_ != Traits::null(); }
  /// Gives the handle up without closing it.
  type release() { return std::exchange(raw_, Traits::null()); }
  void reset() {
    if (raw_ != Traits::null()) Traits::close(std::exchange(raw_, Traits::null()));
  }

 private:
  type raw_ = Traits::null();
};

}  // namespace gyrus
