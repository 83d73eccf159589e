#include "data/storage/quantisation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "launch/error.hpp"

namespace gyrus {

Quantisation Quantisation::unit_range() {
  return {1.0 / 65535.0, 0.0};
}

Quantisation Quantisation::wide_range() {
  return {1.0 / 32768.0, -0.5};
}

double Quantisation::max_error() const {
  const double largest = std::max(std::abs(lowest()), std::abs(highest()));
  return 0.5 * scale + 2.0 * std::numeric_limits<float>::epsilon() * largest;
}

void quantise(std::span<const float> values, const Quantisation& quantisation, const std::string& name,
              std::uint16_t* stored) {
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double step =
        std::nearbyint((static_cast<double>(values[i]) - quantisation.offset) / quantisation.scale);
    if (!(step >= 0.0 && step <= 65535.0)) {
      throw DataError(fmt::format(
          "{} has the intensity {}, and data.quantise=uint16 keeps {} to {}; set data.quantise=none", name,
          values[i], quantisation.lowest(), quantisation.highest()));
    }
    stored[i] = static_cast<std::uint16_t>(step);
  }
}

void restore(std::span<const std::uint16_t> stored, const Quantisation& quantisation, float* values) {
  const auto scale = static_cast<float>(quantisation.scale);
  const auto offset = static_cast<float>(quantisation.offset);
  for (std::size_t i = 0; i < stored.size(); ++i) values[i] = offset + scale * static_cast<float>(stored[i]);
}

}  // namespace gyrus
