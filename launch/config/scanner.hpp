#pragma once

#include <cstddef>
#include <string_view>

namespace gyrus {

/// Takes pieces off the front of a short text, to recognise numbers.
struct Scanner {
  std::string_view rest;

  static constexpr const char* digits = "0123456789";
  static constexpr const char* digits_or_underscore = "0123456789_";

  bool at_end() const { return rest.empty(); }
  bool take(std::string_view word) {
    if (!rest.starts_with(word)) return false;
    rest.remove_prefix(word.size());
    return true;
  }
  bool take_one_of(std::string_view characters) {
    if (rest.empty() || characters.find(rest.front()) == std::string_view::npos) return false;
    rest.remove_prefix(1);
    return true;
  }
  /// Returns how many characters were taken.
  std::size_t take_all_of(std::string_view characters) {
    std::size_t num_taken = 0;
    while (take_one_of(characters)) ++num_taken;
    return num_taken;
  }
};

}  // namespace gyrus
