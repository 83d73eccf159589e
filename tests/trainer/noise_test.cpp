// Noise fields: the fast paths against the definition, golden values, statistics, and what the options add.
#include "trainer/diffusion/noise.hpp"

#include <c10/util/Half.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "tests/support/simplex_reference.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/diffusion/step_noise.hpp"

namespace gyrus {
namespace {

template <class T>
std::vector<T> field_of(const SimplexField& options, std::int64_t seed, std::int64_t rows,
                        std::int64_t columns, Instructions instructions = available_instructions().back()) {
  std::vector<T> field(static_cast<std::size_t>(rows * columns));
  options.fill(SimplexNoise(seed), rows, columns, field.data(), instructions);
  return field;
}

template <class T>
double largest_difference(const std::vector<T>& field, const std::vector<double>& wanted) {
  double largest = 0.0;
  for (std::size_t i = 0; i < field.size(); ++i)
    largest = std::max(largest, std::abs(static_cast<double>(field[i]) - wanted[i]));
  return largest;
}

struct Moments {
  double mean, deviation;
};
template <class T>
Moments moments_of(const std::vector<T>& field) {
  const auto count = static_cast<double>(field.size());
  const double mean = std::accumulate(field.begin(), field.end(), 0.0) / count;
  double squares = 0.0;
  for (const auto value : field) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / count)};
}

TEST(SimplexNoise, AgreesWithTheDefinitionForAnySizeSeedAndOrigin) {
  const std::pair<std::int64_t, std::int64_t> sizes[] = {{1, 1},   {1, 9},   {7, 13},
                                                         {97, 33}, {96, 96}, {200, 3}};
  for (const auto& [rows, columns] : sizes)
    for (const std::int64_t seed : {3, 12345, -987654321})
      for (const double origin : {0.0, 0.37, 211.9, -40.25}) {
        const SimplexField options{
            .feature_size = seed == 3 ? 37.3 : 64.0, .origin_x = origin, .origin_y = -origin};
        const auto wanted = pointwise_field(options, SimplexNoise(seed), rows, columns);
        EXPECT_LT(largest_difference(field_of<double>(options, seed, rows, columns), wanted), 1e-11)
            << rows << "x" << columns << " seed " << seed << " origin " << origin;
        EXPECT_LT(largest_difference(field_of<float>(options, seed, rows, columns), wanted), 5e-6)
            << rows << "x" << columns << " seed " << seed << " origin " << origin;
      }
}

TEST(SimplexNoise, FineOctavesAreDoneByPixel) {
  const SimplexField options{.octaves = 16, .persistence = 0.9, .feature_size = 3.0, .origin_x = 5.5};
  const auto wanted = pointwise_field(options, SimplexNoise(3), 40, 25);
  EXPECT_LT(largest_difference(field_of<double>(options, 3, 40, 25), wanted), 1e-11);
  EXPECT_LT(largest_difference(field_of<float>(options, 3, 40, 25), wanted), 1e-5);
}

TEST(SimplexNoise, IsBitIdenticalForEverySetOfInstructions) {
  if (available_instructions().size() < 2)
    GTEST_SKIP() << "skipped: this machine has one set of instructions";
  for (const std::int64_t seed : {3, 12345}) {
    const SimplexField options{.feature_size = 50.0, .origin_x = 17.3, .origin_y = 200.1};
    EXPECT_EQ(field_of<double>(options, seed, 97, 33, Instructions::baseline),
              field_of<double>(options, seed, 97, 33, Instructions::avx2));
    EXPECT_EQ(field_of<float>(options, seed, 97, 33, Instructions::baseline),
              field_of<float>(options, seed, 97, 33, Instructions::avx2));
  }
}

TEST(SimplexNoise, HasTheGoldenValuesOfTheMethod) {
  const struct {
    std::int64_t seed;
    double values[4];
  } golden[] = {{3, {0.194840128717, -0.615148735328, -0.103235239744, -1.390133654722}},
                {12345, {-0.556970464053, -0.224969849614, -0.162323506666, -0.528499382975}},
                {-987654321, {0.526823619941, 0.281566189312, 0.090506144104, -0.331083536927}}};
  for (const auto& [seed, values] : golden) {
    const auto field = field_of<double>({}, seed, 96, 96);
    const std::size_t pixels[] = {1, 96, 17 * 96 + 53, 95 * 96 + 95};
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(field[pixels[i]], values[i], 1e-11) << "seed " << seed;
    EXPECT_NEAR(field[0], 0.0, 1e-15);
  }
}

TEST(SimplexNoise, HasItsKnownStatistics) {
  double squares = 0.0, deviations = 0.0, means = 0.0;
  constexpr int num_seeds = 400;
  for (int seed = 1; seed <= num_seeds; ++seed) {
    const auto [mean, deviation] = moments_of(field_of<float>({}, 1000 * seed, 96, 96));
    squares += (mean * mean + deviation * deviation) / num_seeds;
    deviations += deviation / num_seeds;
    means += mean * mean / num_seeds;
  }
  // The method's figures are of 40 seeds.
  EXPECT_NEAR(std::sqrt(squares), 0.598, 0.03);
  EXPECT_NEAR(deviations, 0.55, 0.02);
  EXPECT_NEAR(std::sqrt(means), 0.22, 0.03);
}

std::vector<float> drawn(const NoiseOptions& options, std::uint64_t key, std::int64_t rows = 48,
                         std::int64_t columns = 48) {
  std::vector<float> field(static_cast<std::size_t>(rows * columns));
  make_noise_model(options)->draw(Random(1, Stream::noise, 0, key), rows, columns, field.data());
  return field;
}

TEST(Noise, StandardisedFieldsHaveZeroMeanAndUnitVariance) {
  for (const std::string kind : {"simplex", "gaussian"})
    for (std::uint64_t key = 0; key < 5; ++key) {
      const NoiseOptions plain{.kind = kind}, standardised{.kind = kind, .standardise = true};
      const auto field = drawn(standardised, key), raw = drawn(plain, key);
      const auto [mean, deviation] = moments_of(field);
      EXPECT_NEAR(mean, 0.0, 1e-6);
      EXPECT_NEAR(deviation, 1.0, 1e-6);
      const auto of_raw = moments_of(raw);
      EXPECT_NEAR(field[100], (raw[100] - of_raw.mean) / of_raw.deviation, 1e-5);
    }
  EXPECT_EQ(drawn({.standardise = true}, 3, 1, 1), std::vector<float>{0.0f});
}

TEST(Noise, AMeanOffsetAddsOneNormalNumberToEachField) {
  double squares = 0.0;
  constexpr int num_fields = 2000;
  for (std::uint64_t key = 0; key < num_fields; ++key) {
    const auto plain = drawn({}, key, 3, 5), shifted = drawn({.mean_offset = 0.1}, key, 3, 5);
    const double offset = shifted[0] - plain[0];
    for (std::size_t i = 0; i < plain.size(); ++i) ASSERT_NEAR(shifted[i] - plain[i], offset, 1e-6);
    squares += offset * offset / num_fields;
  }
  EXPECT_NEAR(std::sqrt(squares), 0.1, 0.005);
}

TEST(Noise, RoundedFieldsAreFloat16OfTheDoubleField) {
  const auto field = drawn({.random_origin = false, .round_to_half = true}, 7, 32, 32);
  Random random(1, Stream::noise, 0, 7);
  const auto exact = field_of<double>({}, static_cast<std::int64_t>(random.next64()), 32, 32);
  for (std::size_t i = 0; i < field.size(); ++i)
    ASSERT_EQ(field[i], static_cast<float>(c10::Half(static_cast<float>(exact[i]))));
}

Batch batch_of(std::uint64_t first, std::size_t count) {
  Batch batch;
  batch.height = 7;
  batch.width = 5;
  for (std::uint64_t i = first; i < first + count; ++i) {
    Sample sample;
    sample.global_index = i;
    batch.samples.push_back(sample);
  }
  return batch;
}

TEST(StepNoise, DoesNotDependOnHowRanksDivideAStep) {
  for (const std::string sharing : {"sample", "batch"}) {
    const StepNoise noise({.sharing = sharing}, 1, 4);
    Batch whole = batch_of(8, 4), first = batch_of(8, 1), rest = batch_of(9, 3), next = batch_of(12, 1), none;
    for (Batch* batch : {&whole, &first, &rest, &next, &none}) noise.draw(*batch);
    std::vector<float> parts = first.noise;
    parts.insert(parts.end(), rest.noise.begin(), rest.noise.end());
    EXPECT_EQ(parts, whole.noise) << sharing;
    const auto field = [&](std::size_t i) {
      return std::vector<float>(whole.noise.begin() + static_cast<std::ptrdiff_t>(35 * i),
                                whole.noise.begin() + static_cast<std::ptrdiff_t>(35 * i + 35));
    };
    EXPECT_EQ(field(0) == field(3), sharing == "batch");
    EXPECT_NE(field(0), next.noise);
    EXPECT_TRUE(none.noise.empty());
  }
}

}  // namespace
}  // namespace gyrus
