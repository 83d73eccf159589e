#include "launch/utf8.hpp"

#include <fmt/format.h>

namespace gyrus {
namespace {

/// Whether a second byte may follow the lead byte: no longer form than needed, no surrogate, nothing above
/// U+10FFFF.
bool may_follow(unsigned char lead, unsigned char second) {
  if (lead == 0xE0) return second >= 0xA0;
  if (lead == 0xED) return second <= 0x9F;
  if (lead == 0xF0) return second >= 0x90;
  if (lead == 0xF4) return second <= 0x8F;
  return true;
}

}  // namespace

std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    if (length > 1 && !may_follow(lead, static_cast<unsigned char>(text[i + 1]))) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string escape_invalid_utf8(std::string_view text) {
  std::string escaped;
  for (std::size_t bad = 0; (bad = find_invalid_utf8(text)) != std::string_view::npos;
       text.remove_prefix(bad + 1)) {
    escaped += text.substr(0, bad);
    escaped += fmt::format("\\x{:02X}", static_cast<unsigned char>(text[bad]));
  }
  return escaped.append(text);
}

}  // namespace gyrus
