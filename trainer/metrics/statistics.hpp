#pragma once

#include <cstdint>
#include <vector>

namespace gyrus {

struct MeanAndDeviation {
  double mean = 0.0, deviation = 0.0;  // population standard deviation, as published
  std::int64_t count = 0;              // of values that are finite
};
/// Over the finite values; NaN when there is none.
MeanAndDeviation summarise(const std::vector<double>& values);

/// A 95 % interval of the mean of the finite values: percentiles 2.5 and 97.5 of the means of `samples`
/// samples drawn with replacement; NaN when there is no value. Determinism: depends on the values in their
/// order, `samples`, `seed` and `key` alone. Reference: Efron 1979, doi:10.1214/aos/1176344552
struct Interval {
  double low = 0.0, high = 0.0;
};
Interval bootstrap_interval(const std::vector<double>& values, std::int64_t samples, std::uint64_t seed,
                            std::uint64_t key);

/// Wilcoxon's signed-rank test of paired differences, two-sided. Differences of 0 are left out; equal sizes
/// share the mean of their ranks. The p-value is exact (all 2^n signs, ties included) for up to
/// `most_exact_pairs` differences, else from the normal approximation with the variance reduced for ties and
/// without continuity correction. Reference: Wilcoxon 1945, doi:10.2307/3001968
struct WilcoxonResult {
  std::int64_t pairs = 0;  // with a difference that is not 0
  double positive_ranks = 0.0, negative_ranks = 0.0;
  double p_value = 1.0;  // 1 without any difference
  bool is_exact = true;
};
inline constexpr std::int64_t most_exact_pairs = 50;
WilcoxonResult wilcoxon_signed_rank(const std::vector<double>& differences);

}  // namespace gyrus
