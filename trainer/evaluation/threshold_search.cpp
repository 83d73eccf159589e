#include "trainer/evaluation/threshold_search.hpp"

#include <algorithm>
#include <limits>

#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

constexpr int num_rounds = 10;

/// Sums neighbours of equal value.
std::vector<ValueCount> join_equal(const std::vector<ValueCount>& sorted) {
  std::vector<ValueCount> result;
  for (const ValueCount& entry : sorted) {
    if (!result.empty() && result.back().value == entry.value)
      result.back().count += entry.count;
    else
      result.push_back(entry);
  }
  return result;
}

}  // namespace

IntervalSearch interval_search(double largest, const std::function<double(double)>& dice_above) {
  IntervalSearch search;
  double low = 0.0, high = largest;
  for (int round = 0; round < num_rounds; ++round) {
    const double left = low + 0.25 * (high - low), right = low + 0.75 * (high - low);
    const double left_dice = dice_above(left), right_dice = dice_above(right);
    const bool takes_left = left_dice >= right_dice;
    search.rounds.push_back({low, high, left, right, left_dice, right_dice, takes_left ? 0.0 : 1.0});
    const BestThreshold better =
        takes_left ? BestThreshold{left_dice, left} : BestThreshold{right_dice, right};
    if (better.value >= search.best.value) search.best = better;
    (takes_left ? high : low) = 0.5 * (low + high);
  }
  return search;
}

float healthy_quantile(double rate, std::int64_t num_voxels,
                       const std::function<std::int64_t(float)>& count_above) {
  const double allowed = rate * static_cast<double>(num_voxels);
  // The count falls as the value rises, and only at values that occur: the first float with few enough voxels
  // above it is one of them.
  std::uint32_t low = order_key(std::numeric_limits<float>::lowest()),
                high = order_key(std::numeric_limits<float>::max());
  while (low < high) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (static_cast<double>(count_above(value_of_key(middle))) <= allowed)
      high = middle;
    else
      low = middle + 1;
  }
  return value_of_key(low);
}

std::vector<ValueCount> count_values(std::vector<float> values) {
  std::ranges::sort(values, std::greater{});
  std::vector<ValueCount> each(values.size());
  std::ranges::transform(values, each.begin(), [](float value) { return ValueCount{value, 1}; });
  return join_equal(each);
}

std::vector<ValueCount> merge_counts(const std::vector<std::vector<ValueCount>>& lists) {
  std::vector<ValueCount> all;
  for (const auto& list : lists) all.insert(all.end(), list.begin(), list.end());
  std::ranges::sort(all, std::greater{}, &ValueCount::value);
  return join_equal(all);
}

float healthy_roc_threshold(double rate, const std::vector<ValueCount>& counts) {
  double num_voxels = 0.0;
  for (const ValueCount& entry : counts) num_voxels += static_cast<double>(entry.count);
  double above = 0.0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    above += static_cast<double>(counts[i].count);
    const bool is_end = i == 0 || i + 1 == counts.size();
    // Collinear: the curve goes on with a step of the same length.
    if (!is_end && counts[i].count == counts[i + 1].count) continue;
    if (above > rate * num_voxels) return counts[i].value;
  }
  return counts.back().value;
}

}  // namespace gyrus
