#include "data/source/histogram.hpp"

#include <algorithm>

#include "launch/error.hpp"

namespace gyrus {

std::vector<double> evenly_between(double low, double high, std::size_t count) {
  require(count >= 2, "both ends are among the numbers");
  std::vector<double> numbers;
  const auto steps = static_cast<double>(count - 1);
  for (std::size_t i = 0; i < count; ++i)
    numbers.push_back(low + (high - low) * static_cast<double>(i) / steps);
  numbers.back() = high;  // rounding must not leave the range
  return numbers;
}

void move_landmarks(Grid<float>& image, const Grid<std::uint8_t>& mask, const std::vector<double>& own,
                    const std::vector<double>& wanted) {
  require(own.size() == wanted.size() && own.size() >= 2, "landmarks come in pairs");
  const auto last_piece = static_cast<std::ptrdiff_t>(own.size()) - 2;
  for (std::size_t i = 0; i < image.values.size(); ++i) {
    if (mask.values[i] == 0) continue;
    const double value = image.values[i];
    const auto above = std::upper_bound(own.begin(), own.end(), value) - own.begin();
    const auto piece = std::clamp<std::ptrdiff_t>(above - 1, 0, last_piece);
    const double width = own[piece + 1] - own[piece];
    const double slope = width > 0.0 ? (wanted[piece + 1] - wanted[piece]) / width : 0.0;
    image.values[i] = static_cast<float>(wanted[piece] + slope * (value - own[piece]));
  }
}

}  // namespace gyrus
