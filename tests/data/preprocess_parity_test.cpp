#include <numeric>

#include "data/source/nifti.hpp"
#include "data/source/preprocess.hpp"
#include "tests/data/parity_case.hpp"

namespace gyrus {
namespace {

using test::ParityCase;

const char* tolerance_name(float) {
  return "tolerance";
}
const char* tolerance_name(double) {
  return "tolerance_f64";
}

template <class T>
class PreprocessParity : public testing::Test {
 protected:
  const char* tolerance() const { return tolerance_name(T{}); }
  static std::array<std::int64_t, 3> target(const ParityCase& parity) {
    const auto size = parity.file().read<std::int64_t>("target");
    return {size[0], size[1], size[2]};
  }
};
using Precisions = testing::Types<float, double>;
TYPED_TEST_SUITE(PreprocessParity, Precisions);

TYPED_TEST(PreprocessParity, EveryStageAgreesWithTheReference) {
  GYRUS_SKIP_WITHOUT_PARITY("preprocess");
  const ParityCase parity("preprocess");
  const char* tolerance = this->tolerance();
  const auto input = parity.grid<TypeParam>("input");
  const std::array<double, 3> isotropic = {1, 1, 1};
  parity.expect("stage/curvature_flow_1", curvature_flow(input, isotropic, 1, 0.125).values, tolerance);
  parity.expect("stage/curvature_flow", curvature_flow(input, isotropic, 3, 0.125).values, tolerance);

  const auto smoothed = parity.grid<double>("stage/curvature_flow");  // moved as they are: exact in any type
  parity.expect("stage/crop_pad", centre_crop_or_pad(smoothed, this->target(parity)).values, tolerance);
  parity.expect("stage/crop_pad_mask",
                centre_crop_or_pad(parity.grid<std::uint8_t>("mask"), this->target(parity)).values,
                tolerance);

  auto cropped = parity.grid<TypeParam>("stage/crop_pad");
  const auto mask = parity.grid<std::uint8_t>("stage/crop_pad_mask");
  const auto [low, high] = masked_percentiles(cropped, mask, 1.0, 99.0);
  parity.expect("stage/percentiles", std::vector<double>{low, high}, tolerance);
  ASSERT_TRUE(rescale_intensities(cropped, low, high));
  parity.expect("stage/rescaled", cropped.values, tolerance);

  parity.expect("stage/downsampled", downsample_image(parity.grid<TypeParam>("stage/rescaled")).values,
                tolerance);
  parity.expect("stage/downsampled_mask", downsample_labels(mask).values, tolerance);
}

TYPED_TEST(PreprocessParity, TheWholeChainAgreesWithTheReference) {
  GYRUS_SKIP_WITHOUT_PARITY("preprocess");
  const ParityCase parity("preprocess");
  auto image = curvature_flow(parity.grid<TypeParam>("input"), {1, 1, 1}, 3, 0.125);
  image = centre_crop_or_pad(image, this->target(parity));
  const auto mask = centre_crop_or_pad(parity.grid<std::uint8_t>("mask"), this->target(parity));
  const auto [low, high] = masked_percentiles(image, mask, 1.0, 99.0);
  ASSERT_TRUE(rescale_intensities(image, low, high));
  parity.expect("chain", downsample_image(image).values, this->tolerance());
}

TYPED_TEST(PreprocessParity, CurvatureFlowUsesTheVoxelSize) {
  GYRUS_SKIP_WITHOUT_PARITY("preprocess");
  const ParityCase parity("preprocess");
  const auto origin = parity.file().read<std::int64_t>("anisotropic/origin");
  const auto spacing = parity.file().read<double>("anisotropic/spacing");
  const auto size = parity.file().shape("anisotropic/curvature_flow");
  const auto input = parity.grid<TypeParam>("input");
  Grid<TypeParam> block({size[0], size[1], size[2]});
  for (std::int64_t x = 0; x < size[0]; ++x) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t z = 0; z < size[2]; ++z)
        block.at(x, y, z) = input.at(origin[0] + x, origin[1] + y, origin[2] + z);
    }
  }
  const auto result = curvature_flow(std::move(block), {spacing[0], spacing[1], spacing[2]}, 3, 0.125);
  parity.expect("anisotropic/curvature_flow", result.values, this->tolerance());
}

/// uniform(text, n) of the fixtures' README, section 2.
std::vector<double> uniform(const std::string& text, std::size_t count) {
  std::uint64_t seed = 14695981039346656037u;
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 1099511628211u;
  std::vector<double> values(count);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t z = seed + (i + 1) * 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    z = z ^ (z >> 31);
    values[i] = static_cast<double>(z >> 11) * 0x1.0p-52 - 1.0;
  }
  return values;
}

TYPED_TEST(PreprocessParity, AWholeVolumeOfTheSharedDataAgreesWithTheReference) {
  GYRUS_SKIP_WITHOUT_PARITY("preprocess");
  const ParityCase parity("preprocess");
  const auto path = test::shared_folder("GYRUS_DATA", "data") / parity.file().read_text("whole/file");
  if (!std::filesystem::exists(path)) GTEST_SKIP() << "skipped: no data at " << path.string();
  const auto volume = read_nifti(path);
  const std::array<std::int64_t, 3> target = {192, 192, 100};
  Grid<TypeParam> image(volume.voxels.size);
  std::copy(volume.voxels.values.begin(), volume.voxels.values.end(), image.values.begin());
  Grid<std::uint8_t> mask(image.size);
  for (std::size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = image.values[i] != 0;
  image = centre_crop_or_pad(curvature_flow(std::move(image), volume.spacing, 3, 0.125), target);
  mask = centre_crop_or_pad(mask, target);
  const auto [low, high] = masked_percentiles(image, mask, 1.0, 99.0);
  ASSERT_TRUE(rescale_intensities(image, low, high));
  image = downsample_image(image);
  const auto small_mask = downsample_labels(mask);

  const char* tolerance = this->tolerance();
  const auto count = static_cast<double>(image.values.size());
  parity.expect("whole/percentiles", std::vector<double>{low, high}, tolerance);
  const auto [smallest, largest] = std::minmax_element(image.values.begin(), image.values.end());
  parity.expect("whole/min", std::vector<TypeParam>{*smallest}, tolerance);
  parity.expect("whole/max", std::vector<TypeParam>{*largest}, tolerance);
  const double sum = std::accumulate(image.values.begin(), image.values.end(), 0.0);
  parity.expect("whole/mean", std::vector<double>{sum / count}, tolerance);
  const auto r = uniform(parity.file().text_attribute("/", "fill_salt") + "/dot/whole", image.values.size());
  const double dot = std::inner_product(r.begin(), r.end(), image.values.begin(), 0.0) / std::sqrt(count);
  parity.expect("whole/dot", std::vector<double>{dot}, tolerance);
  const auto voxels = std::accumulate(small_mask.values.begin(), small_mask.values.end(), std::int64_t{0});
  parity.expect("whole/mask_voxels", std::vector<std::int64_t>{voxels}, tolerance);
  std::vector<TypeParam> slices;
  for (const auto z : parity.file().read<std::int64_t>("whole/slice_index")) {
    for (std::int64_t x = 0; x < 96; ++x) {
      for (std::int64_t y = 0; y < 96; ++y) slices.push_back(image.at(x, y, z));
    }
  }
  parity.expect("whole/slices", slices, tolerance);
}

}  // namespace
}  // namespace gyrus
