#pragma once

#include <string>

namespace gyrus {

/// `text` as one cell of a CSV table: in quotes when it holds commas, quotes or line ends (RFC 4180).
std::string csv_cell(const std::string& text);

}  // namespace gyrus
