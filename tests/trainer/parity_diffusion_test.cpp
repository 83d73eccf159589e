// Schedule, simplex noise and timestep embedding against the published implementation's numbers.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "tests/support/parity.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/models/unet.hpp"

namespace gyrus {
namespace {

using parity::Case;

#define SKIP_WITHOUT(name) \
  if (!Case::available(name)) GTEST_SKIP() << "skipped: no parity case " << name << " at " << parity::folder()

torch::Tensor doubles(const std::vector<double>& values) {
  return torch::tensor(values, torch::kFloat64);
}

TEST(ScheduleParity, TablesForTwoLengths) {
  SKIP_WITHOUT("schedule");
  const Case c("schedule");
  for (const std::int64_t length : {1000, 100}) {
    const Schedule schedule(length);
    const std::string group = "/T" + std::to_string(length) + "/";
    c.expect(group + "betas", doubles(schedule.beta), torch::kFloat64);
    c.expect(group + "alphas_cumprod", doubles(schedule.alpha_bar), torch::kFloat64);
    c.expect(group + "sqrt_alphas_cumprod_f32", schedule.sqrt_alpha_bar, torch::kFloat32);
    c.expect(group + "sqrt_one_minus_alphas_cumprod_f32", schedule.sqrt_one_minus_alpha_bar, torch::kFloat32);
  }
}

torch::Tensor field_of(const SimplexField& field, std::int64_t seed, std::int64_t rows,
                       std::int64_t columns) {
  torch::Tensor out = torch::empty({rows, columns}, torch::kFloat64);
  field.fill(SimplexNoise(seed), rows, columns, out.data_ptr<double>());
  return out;
}

TEST(SimplexParity, PermutationsAndFields) {
  SKIP_WITHOUT("simplex");
  const Case c("simplex");
  for (const std::int64_t seed : c.integers("/seeds")) {
    const std::string group = "/seed_" + std::to_string(seed) + "/";
    const auto permutation = c.integers(group + "perm");
    for (std::size_t i = 0; i < 256; ++i) ASSERT_EQ(SimplexNoise(seed).permutation()[i], permutation[i]);
    for (const std::int64_t size : {96, 32}) {
      const std::string name = group + "field_" + std::to_string(size) + "x" + std::to_string(size);
      const torch::Tensor field = field_of({}, seed, size, size);
      c.expect(name, field, torch::kFloat64);
      const torch::Tensor half = field.to(torch::kHalf).to(torch::kFloat64);
      c.expect(name + "_half", half, torch::kFloat64);
      const double different = (half != c.tensor(name + "_half")).to(torch::kFloat64).mean().item<double>();
      EXPECT_LE(different, c.attribute(name + "_half", "max_fraction_different"));
    }
  }
}

TEST(SimplexParity, SinglePrecisionStaysClose) {
  SKIP_WITHOUT("simplex");
  const Case c("simplex");
  constexpr double tolerance = 5e-6;  // of docs/numerics.md; the case's own tolerances are for double
  double largest = 0.0;
  for (const std::int64_t seed : c.integers("/seeds")) {
    torch::Tensor field = torch::empty({96, 96});
    SimplexField{}.fill(SimplexNoise(seed), 96, 96, field.data_ptr<float>());
    const torch::Tensor wanted = c.tensor("/seed_" + std::to_string(seed) + "/field_96x96");
    largest = std::max(largest, (field.to(torch::kFloat64) - wanted).abs().max().item<double>());
  }
  std::printf("simplex fields in float32: largest difference %.1e\n", largest);
  EXPECT_LT(largest, tolerance);
}

TEST(SimplexParity, RectanglesSinglePointsAndOneOctave) {
  SKIP_WITHOUT("simplex");
  const Case c("simplex");
  const auto seed_of = [&](const std::string& path) {
    return static_cast<std::int64_t>(c.attribute(path, "seed"));
  };
  c.expect("/rectangular/field", field_of({}, seed_of("/rectangular/field"), 48, 80), torch::kFloat64);
  const SimplexNoise noise(seed_of("/points/value"));
  const torch::Tensor xy = c.tensor("/points/xy");
  std::vector<double> values;
  for (std::int64_t i = 0; i < xy.size(0); ++i)
    values.push_back(noise.at(xy[i][0].item<double>(), xy[i][1].item<double>()));
  c.expect("/points/value", doubles(values), torch::kFloat64);
}

TEST(EmbeddingParity, CosinesFirst) {
  SKIP_WITHOUT("embedding");
  const Case c("embedding");
  const torch::Tensor t = c.tensor("/t");
  for (const auto type : {torch::kFloat32, torch::kFloat64})
    for (const std::int64_t dim : {128, 32})
      c.expect("/dim_" + std::to_string(dim), timestep_embedding(t, dim, type), type);
  const torch::Tensor zero = timestep_embedding(torch::zeros({1}, torch::kInt64), 128, torch::kFloat32)[0];
  EXPECT_TRUE(zero.slice(0, 0, 64).equal(torch::ones({64})));
  EXPECT_TRUE(zero.slice(0, 64, 128).equal(torch::zeros({64})));
}

}  // namespace
}  // namespace gyrus
