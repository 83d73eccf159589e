#include "trainer/metrics/statistics.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "data/random.hpp"

namespace gyrus {
namespace {

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

std::vector<double> finite_values(const std::vector<double>& values) {
  std::vector<double> result;
  for (const double value : values)
    if (std::isfinite(value)) result.push_back(value);
  return result;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return sum / static_cast<double>(values.size());
}

/// Twice the ranks from 1 of `sizes`, which are sorted: ties share a mean, which may be a half.
std::vector<std::int64_t> doubled_ranks(const std::vector<double>& sizes) {
  std::vector<std::int64_t> ranks(sizes.size());
  for (std::size_t first = 0; first < sizes.size();) {
    std::size_t end = first;
    while (end < sizes.size() && sizes[end] == sizes[first]) ++end;
    for (std::size_t i = first; i < end; ++i) ranks[i] = static_cast<std::int64_t>(first + 1 + end);
    first = end;
  }
  return ranks;
}

/// P(sum of the ranks with a positive sign <= `sum`) when every sign is a fair coin; all ranks doubled.
double lower_tail(const std::vector<std::int64_t>& ranks, std::int64_t sum) {
  std::int64_t largest = 0;
  for (const auto rank : ranks) largest += rank;
  std::vector<double> probability(static_cast<std::size_t>(largest + 1), 0.0);
  probability[0] = 1.0;
  std::int64_t reached = 0;
  for (const auto rank : ranks) {
    reached += rank;
    for (std::int64_t value = reached; value >= 0; --value)
      probability[value] = 0.5 * (probability[value] + (value >= rank ? probability[value - rank] : 0.0));
  }
  double tail = 0.0;
  for (std::int64_t value = 0; value <= sum; ++value) tail += probability[value];
  return tail;
}

double normal_p_value(const std::vector<std::int64_t>& ranks, std::int64_t sum) {
  double mean = 0.0, variance = 0.0;  // of a sum of independent terms, each 0 or the (doubled) rank
  for (const auto rank : ranks) {
    mean += 0.5 * static_cast<double>(rank);
    variance += 0.25 * static_cast<double>(rank) * static_cast<double>(rank);
  }
  return std::erfc(std::abs(static_cast<double>(sum) - mean) / std::sqrt(2.0 * variance));
}

}  // namespace

MeanAndDeviation summarise(const std::vector<double>& values) {
  const std::vector<double> finite = finite_values(values);
  if (finite.empty()) return {undefined, undefined, 0};
  const double mean = mean_of(finite);
  double squares = 0.0;
  for (const double value : finite) squares += (value - mean) * (value - mean);
  return {mean, std::sqrt(squares / static_cast<double>(finite.size())),
          static_cast<std::int64_t>(finite.size())};
}

Interval bootstrap_interval(const std::vector<double>& values, std::int64_t samples, std::uint64_t seed,
                            std::uint64_t key) {
  const std::vector<double> finite = finite_values(values);
  if (finite.empty()) return {undefined, undefined};
  Random random(seed, Stream::bootstrap, 0, key);
  std::vector<double> means;
  for (std::int64_t sample = 0; sample < samples; ++sample) {
    double sum = 0.0;
    for (std::size_t i = 0; i < finite.size(); ++i) sum += finite[random.below(finite.size())];
    means.push_back(sum / static_cast<double>(finite.size()));
  }
  std::ranges::sort(means);
  const auto at = [&](double share) {
    return means[static_cast<std::size_t>(std::lround(share * static_cast<double>(samples - 1)))];
  };
  return {at(0.025), at(0.975)};
}

WilcoxonResult wilcoxon_signed_rank(const std::vector<double>& differences) {
  std::vector<double> kept;
  for (const double difference : differences)
    if (difference != 0.0) kept.push_back(difference);
  WilcoxonResult result;
  result.pairs = static_cast<std::int64_t>(kept.size());
  result.is_exact = result.pairs <= most_exact_pairs;
  if (kept.empty()) return result;
  std::ranges::stable_sort(kept, {}, [](double value) { return std::abs(value); });
  std::vector<double> sizes(kept.size());
  std::ranges::transform(kept, sizes.begin(), [](double value) { return std::abs(value); });
  const auto ranks = doubled_ranks(sizes);
  std::int64_t positive = 0, negative = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) (kept[i] > 0.0 ? positive : negative) += ranks[i];
  result.positive_ranks = 0.5 * static_cast<double>(positive);
  result.negative_ranks = 0.5 * static_cast<double>(negative);
  const std::int64_t smaller = std::min(positive, negative);
  result.p_value =
      result.is_exact ? std::min(1.0, 2.0 * lower_tail(ranks, smaller)) : normal_p_value(ranks, smaller);
  return result;
}

}  // namespace gyrus
