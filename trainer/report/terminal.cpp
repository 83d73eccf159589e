#include "trainer/report/terminal.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace gyrus {

std::string format_table(const std::vector<std::pair<std::string, std::string>>& rows) {
  std::size_t width = 0;
  for (const auto& [name, value] : rows) width = std::max(width, name.size());
  std::string text;
  for (const auto& [name, value] : rows) text += fmt::format("  {:<{}}  {}\n", name, width, value);
  if (!text.empty()) text.pop_back();
  return text;
}

std::string format_chart(const std::string& title, const std::vector<double>& positions,
                         const std::vector<double>& values, const std::string& x_label) {
  constexpr int columns = 60, rows = 10;
  if (values.empty()) return title + ": no values";
  // Tenths around the values: a curve that rises shows that it does.
  const auto [lowest, highest] = std::ranges::minmax_element(values);
  const double bottom = std::floor(*lowest * 10.0) / 10.0;
  const double top = std::max(bottom + 0.1, std::ceil(*highest * 10.0) / 10.0);
  const double last = std::max(positions.back(), 1e-9);
  std::vector<std::string> canvas(rows, std::string(columns, ' '));
  for (int column = 0; column < columns; ++column) {
    // The value in force at this place: linear between validations.
    const double position = last * (column + 1) / columns;
    const auto after = std::ranges::lower_bound(positions, position);
    const auto i = static_cast<std::size_t>(
        std::min<std::ptrdiff_t>(after - positions.begin(), static_cast<std::ptrdiff_t>(values.size()) - 1));
    double value = values[i];
    if (i > 0 && positions[i] > positions[i - 1] && position < positions[i]) {
      const double share = (position - positions[i - 1]) / (positions[i] - positions[i - 1]);
      value = values[i - 1] + share * (values[i] - values[i - 1]);
    } else if (i == 0 && position < positions[0]) {
      continue;
    }
    const int row = std::clamp(static_cast<int>((value - bottom) / (top - bottom) * rows), 0, rows - 1);
    canvas[rows - 1 - row][column] = '*';
  }
  std::string text = title + "\n";
  for (int row = 0; row < rows; ++row)
    text += fmt::format("  {:4.2f} |{}\n", top - (top - bottom) * row / rows, canvas[row]);
  text += fmt::format("  {:4.2f} +{}\n        0{:>{}}", bottom, std::string(columns, '-'),
                      fmt::format("{} {}", format_count(std::llround(last)), x_label), columns - 1);
  return text;
}

std::string format_duration(double seconds) {
  const auto total = static_cast<long long>(std::llround(std::max(0.0, seconds)));
  if (total >= 3600) return fmt::format("{} h {:02} min", total / 3600, total / 60 % 60);
  if (total >= 60) return fmt::format("{} min {:02} s", total / 60, total % 60);
  return fmt::format("{} s", total);
}

std::string format_count(long long value) {
  std::string digits = std::to_string(value);
  for (int at = static_cast<int>(digits.size()) - 3; at > (value < 0 ? 1 : 0); at -= 3)
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  return digits;
}

}  // namespace gyrus
