#include "data/augment/augment.hpp"
#include "tests/data/parity_case.hpp"

namespace gyrus {
namespace {

using test::ParityCase;
constexpr double fixture_spacing = 2.0;  // mm, README of the fixtures

/// The augmentation that a group of the fixture describes by the datasets it has.
Augmentation augmentation_of(const h5::File& file, const std::string& group) {
  Augmentation augmentation;
  const auto number = [&](const std::string& name) { return file.read<double>(group + "/" + name).at(0); };
  if (file.has(group + "/gamma")) augmentation.gamma = number("gamma");
  if (file.has(group + "/coefficients")) {
    const auto values = file.read<double>(group + "/coefficients");
    augmentation.bias_coefficients.emplace();
    std::copy_n(values.begin(), 20, augmentation.bias_coefficients->begin());
  }
  if (file.has(group + "/std_mm")) {
    const auto std_mm = file.read<double>(group + "/std_mm");
    augmentation.blur_std = {std_mm[0] / fixture_spacing, std_mm[1] / fixture_spacing,
                             std_mm[2] / fixture_spacing};
  }
  if (file.has(group + "/ghosts")) {
    augmentation.ghosting = Ghosting{.num_ghosts = static_cast<std::int64_t>(number("ghosts")),
                                     .axis = static_cast<std::int64_t>(number("axis")),
                                     .strength = number("strength")};
  }
  return augmentation;
}

TEST(AugmentParity, SingleSlicesEqualThoseOfTheAugmentedVolume) {
  GYRUS_SKIP_WITHOUT_PARITY("augment");
  const ParityCase parity("augment");
  int num_cases = 0;
  for (const auto& group : parity.file().children("/")) {
    if (!parity.file().has(group + "/output")) continue;
    ++num_cases;
    const auto input = parity.grid<float>(parity.file().read_text(group + "/input_name"));
    const SliceShape shape{.depth = input.size[2], .height = input.size[0], .width = input.size[1]};
    const auto read = [&](std::int64_t slice, float* values) {
      for (std::int64_t x = 0; x < shape.height; ++x) {
        for (std::int64_t y = 0; y < shape.width; ++y) values[x * shape.width + y] = input.at(x, y, slice);
      }
    };
    Grid<float> output(input.size);
    std::vector<float> values(static_cast<std::size_t>(shape.height * shape.width));
    for (std::int64_t slice = 0; slice < shape.depth; ++slice) {
      augment_slice(augmentation_of(parity.file(), group), shape, slice, read, values.data());
      for (std::int64_t x = 0; x < shape.height; ++x) {
        for (std::int64_t y = 0; y < shape.width; ++y) output.at(x, y, slice) = values[x * shape.width + y];
      }
    }
    parity.expect(group + "/output", output.values, "tolerance");
  }
  EXPECT_GT(num_cases, 0);
}

}  // namespace
}  // namespace gyrus
