#pragma once

#include <string>
#include <string_view>

namespace gyrus {

/// Position of the first byte that is not UTF-8 (RFC 3629), or npos.
std::size_t find_invalid_utf8(std::string_view text);

/// The text with each byte that is not UTF-8 as \xFC, for messages.
std::string escape_invalid_utf8(std::string_view text);

}  // namespace gyrus
