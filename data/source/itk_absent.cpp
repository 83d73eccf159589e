// The steps n4 and register in a build without ITK; the other one is itk_steps.cpp.
#include <fmt/format.h>

#include "data/source/itk_steps.hpp"
#include "launch/error.hpp"

namespace gyrus {

void check_itk_is_built(const std::string& step) {
  throw NotBuiltError(
      fmt::format("data.steps has {}, which this build lacks: configure with -DGYRUS_ITK=ON (cmake --preset "
                  "itk; package libinsighttoolkit5-dev)",
                  step));
}

Grid<float> correct_bias_field(const Grid<float>&, const Grid<std::uint8_t>&, const std::array<double, 3>&,
                               const N4Options&, const std::string&) {
  check_itk_is_built("n4");
  return {};
}

Affine find_affine(const PlacedImage&, const PlacedImage&) {
  check_itk_is_built("register");
  return {};
}

Grid<float> warp_image(const Grid<float>&, const Affine&, const Affine&, const GridPlace&, Interpolation) {
  check_itk_is_built("register");
  return {};
}

Grid<std::uint8_t> warp_labels(const Grid<std::uint8_t>&, const Affine&, const Affine&, const GridPlace&,
                               Interpolation) {
  check_itk_is_built("register");
  return {};
}

}  // namespace gyrus
