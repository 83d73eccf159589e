#pragma once

#include <string>
#include <utility>
#include <vector>

namespace gyrus {

/// Two columns, aligned: "  name    value".
std::string format_table(const std::vector<std::pair<std::string, std::string>>& rows);

/// A chart of `values` over `positions` for a terminal, 60 columns and 10 rows, axes labelled.
std::string format_chart(const std::string& title, const std::vector<double>& positions,
                         const std::vector<double>& values, const std::string& x_label);

/// "2 h 05 min", "3 min 20 s", "12 s".
std::string format_duration(double seconds);
/// 1234567 -> "1,234,567".
std::string format_count(long long value);

}  // namespace gyrus
