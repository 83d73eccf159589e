// What the GPU's kernels compute, run on the CPU: the very functions that they call, bit for bit against the
// CPU's own way. And the kernels themselves, where there is a GPU. This file is compiled without contraction.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/cuda.h>

#include <algorithm>
#include <cstring>
#include <functional>

#include "launch/error.hpp"
#include "tests/support/message_of.hpp"
#include "trainer/diffusion/noise.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/diffusion/step_noise.hpp"
#include "trainer/kernels/simplex_kernel.hpp"

namespace gyrus {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;

SimplexDraw keys_of(std::int64_t seed, const SimplexField& field) {
  SimplexDraw keys{{}, field.origin_x, field.origin_y, 0.0};
  std::ranges::copy(SimplexNoise(seed).permutation(), keys.permutation);
  return keys;
}

/// Every pixel by the function that a thread of the GPU calls.
template <class T>
std::vector<T> pixel_by_pixel(const SimplexField& field, std::int64_t seed, std::int64_t rows,
                              std::int64_t columns) {
  const SimplexRecipe recipe{field.octaves, field.persistence, field.feature_size, false, false};
  const SimplexDraw keys = keys_of(seed, field);
  std::vector<T> out;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < columns; ++j)
      out.push_back(simplex_pixel<T>(recipe, keys, rows, columns, i, j));
  return out;
}

/// Pixels whose bits differ: unlike ==, tells 0 from -0.
template <class T>
std::size_t count_differing_bits(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return std::max(a.size(), b.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < a.size(); ++i) count += std::memcmp(&a[i], &b[i], sizeof(T)) != 0;
  return count;
}

template <class T>
void expect_equal_to_fill(const SimplexField& field, std::int64_t seed, std::int64_t rows,
                          std::int64_t columns) {
  const std::vector<T> by_pixel = pixel_by_pixel<T>(field, seed, rows, columns);
  for (const Instructions instructions : available_instructions()) {
    std::vector<T> filled(by_pixel.size());
    field.fill(SimplexNoise(seed), rows, columns, filled.data(), instructions);
    EXPECT_EQ(count_differing_bits(by_pixel, filled), 0u)
        << rows << "x" << columns << " seed " << seed << " origin " << field.origin_x << ", "
        << field.origin_y << " octaves " << field.octaves << " feature size " << field.feature_size << " in "
        << sizeof(T) << " bytes, instructions " << static_cast<int>(instructions);
  }
}

const std::pair<std::int64_t, std::int64_t> sizes[] = {{96, 96}, {48, 48}, {97, 33}, {7, 13},
                                                       {1, 37},  {200, 3}, {1, 1}};

TEST(SimplexPixel, EqualsTheCpusFieldsBitForBit) {
  for (const auto& [rows, columns] : sizes)
    for (const std::int64_t seed : {3, 12345, -987654321})
      for (const double origin : {0.0, 0.37, 211.9, -40.25}) {
        const SimplexField field{
            .feature_size = seed == 3 ? 37.3 : 64.0, .origin_x = origin, .origin_y = 0.5 - 2.0 * origin};
        expect_equal_to_fill<float>(field, seed, rows, columns);
        expect_equal_to_fill<double>(field, seed, rows, columns);
      }
}

TEST(SimplexPixel, EqualsTheCpusFieldsForOctavesOfEverySize) {
  // From circles larger than the field to pixels farther apart than vertices, in powers of 2 and otherwise.
  for (const double feature_size : {300.0, 64.0, 17.9, 8.0, 3.0, 1.0})
    for (const std::int64_t octaves : {1, 2, 16}) {
      const SimplexField field{.octaves = octaves,
                               .persistence = 0.9,
                               .feature_size = feature_size,
                               .origin_x = 5.5,
                               .origin_y = 130.2};
      expect_equal_to_fill<float>(field, 3, 40, 57);
      expect_equal_to_fill<double>(field, 3, 40, 57);
    }
}

/// The passes of the kernels one after another, each thread in its turn.
template <class T>
std::vector<float> run_passes(const NoiseOptions& options, std::span<const Random> randoms, std::int64_t rows,
                              std::int64_t columns) {
  std::vector<SimplexDraw> keys;
  for (const Random& random : randoms) keys.push_back(draw_simplex_draw(options, random));
  const auto num_pixels = keys.size() * static_cast<std::size_t>(rows * columns);
  std::vector<T> raw(num_pixels);
  std::vector<FieldMoments> moments(keys.size());
  std::vector<float> out(num_pixels);
  const SimplexFields<T> fields{{options.octaves, options.persistence, options.feature_size,
                                 options.standardise, options.round_to_half},
                                static_cast<std::int64_t>(keys.size()),
                                rows,
                                columns,
                                keys.data(),
                                raw.data(),
                                moments.data(),
                                out.data()};
  for (std::int64_t i = 0; i < fields.num_pixels(); ++i) fields.draw(i);
  if (options.standardise)
    for (std::int64_t field = 0; field < fields.num_fields; ++field) fields.measure(field);
  for (std::int64_t i = 0; i < fields.num_pixels(); ++i) fields.finish(i);
  return out;
}

/// Everything that changes what a field is made of, one by one and together.
std::vector<NoiseOptions> options_of_fields() {
  return {{},
          {.random_origin = false},
          {.standardise = true},
          {.mean_offset = 0.1},
          {.round_to_half = true},
          {.octaves = 16, .persistence = 0.7, .feature_size = 5.0},
          {.standardise = true, .mean_offset = 0.1, .round_to_half = true},
          {.random_origin = false, .standardise = true, .mean_offset = 0.1}};
}

std::vector<Random> randoms_of(std::uint64_t count) {
  std::vector<Random> randoms;
  for (std::uint64_t i = 0; i < count; ++i) randoms.emplace_back(1, Stream::noise, i % 2, i);
  return randoms;
}

TEST(SimplexPixel, PassesOfTheKernelsEqualTheCpusNoiseBitForBit) {
  const std::vector<Random> randoms = randoms_of(5);
  for (const NoiseOptions& options : options_of_fields())
    for (const auto& [rows, columns] : {std::pair{48, 48}, std::pair{33, 50}, std::pair{1, 1}}) {
      std::vector<float> wanted(randoms.size() * static_cast<std::size_t>(rows * columns));
      make_noise_model(options)->draw_fields(randoms, rows, columns, wanted.data());
      const std::vector<float> made = options.round_to_half
                                          ? run_passes<double>(options, randoms, rows, columns)
                                          : run_passes<float>(options, randoms, rows, columns);
      EXPECT_EQ(count_differing_bits(made, wanted), 0u)
          << rows << "x" << columns << " random origin " << options.random_origin << " standardise "
          << options.standardise << " offset " << options.mean_offset << " half " << options.round_to_half;
    }
}

TEST(SimplexPixel, KeysTakeTheRandomNumbersOfTheCpusNoise) {
  const NoiseOptions options{.mean_offset = 0.5};
  Random random(1, Stream::noise, 0, 7);
  const SimplexDraw keys = draw_simplex_draw(options, random);
  const SimplexNoise noise(static_cast<std::int64_t>(random.next64()));
  EXPECT_TRUE(std::ranges::equal(noise.permutation(), keys.permutation));
  EXPECT_EQ(keys.origin_x, random.uniform(0.0, 256.0));
  EXPECT_EQ(keys.origin_y, random.uniform(0.0, 256.0));
  EXPECT_EQ(keys.offset, 0.5 * random.normal());
  EXPECT_EQ(draw_simplex_draw({.random_origin = false}, random).origin_x, 0.0);
}

// ----------------------------------------------------------------------------------------------------------
// noise.device

TEST(NoiseDevice, GaussianNoiseIsMadeOnTheCpu) {
  NoiseOptions options{.device = "cuda"};
  EXPECT_NO_THROW(options.validate());
  options.kind = "gaussian";
  EXPECT_THAT(message_of<ConfigError>([&] { options.validate(); }),
              AllOf(HasSubstr("noise.device=cuda"), HasSubstr("noise.kind=gaussian")));
}

TEST(NoiseDevice, ATrainingOnTheCpuMakesItsNoiseThere) {
  EXPECT_THAT(message_of<ConfigError>([] { StepNoise({.device = "cuda"}, 1, 4, torch::kCPU); }),
              AllOf(HasSubstr("noise.device=cuda"), HasSubstr("trainer.device=cpu")));
  EXPECT_NO_THROW(StepNoise({.device = "cpu"}, 1, 4, torch::Device(torch::kCUDA, 0)));
}

TEST(NoiseDevice, ABuildWithoutCudaSaysHowToGetIt) {
  if (torch::cuda::is_available()) GTEST_SKIP() << "skipped: this build has CUDA and a GPU";
  const std::string message =
      message_of<Error>([] { StepNoise({.device = "cuda"}, 1, 4, torch::Device(torch::kCUDA, 0)); });
  EXPECT_THAT(message, AllOf(HasSubstr("noise.device=cuda"), HasSubstr("noise.device=cpu")));
  // The second is what a build with CUDA says on a machine without a GPU.
  EXPECT_THAT(message, AnyOf(HasSubstr("build the preset `cuda`"), HasSubstr("choosing the GPU")));
}

TEST(NoiseDevice, AGpusFieldsEqualTheCpusBitForBit) {
  if (!torch::cuda::is_available()) GTEST_SKIP() << "skipped: no GPU, or a build without CUDA";
  const std::vector<Random> randoms = randoms_of(9);
  for (NoiseOptions options : options_of_fields())
    for (const auto& [rows, columns] : sizes) {
      std::vector<float> wanted(randoms.size() * static_cast<std::size_t>(rows * columns)),
          made(wanted.size());
      make_noise_model(options)->draw_fields(randoms, rows, columns, wanted.data());
      options.device = "cuda";
      make_training_noise(options, torch::Device(torch::kCUDA, 0))
          ->draw_fields(randoms, rows, columns, made.data());
      EXPECT_EQ(count_differing_bits(made, wanted), 0u) << rows << "x" << columns;
    }
}

}  // namespace
}  // namespace gyrus
