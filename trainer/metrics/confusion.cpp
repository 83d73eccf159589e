#include "trainer/metrics/confusion.hpp"

#include <limits>

namespace gyrus {
namespace {

double ratio(std::int64_t part, std::int64_t whole) {
  return whole == 0 ? std::numeric_limits<double>::quiet_NaN()
                    : static_cast<double>(part) / static_cast<double>(whole);
}

double specificity_of(const Confusion& counts, double epsilon) {
  if (epsilon == 0.0) return ratio(counts.true_negatives, counts.healthy());
  return static_cast<double>(counts.true_negatives) / (static_cast<double>(counts.healthy()) + epsilon);
}

}  // namespace

Confusion count_confusion(std::span<const std::uint8_t> map, std::span<const std::uint8_t> lesion) {
  std::int64_t marked = 0, diseased = 0, both = 0;
  for (std::size_t i = 0; i < map.size(); ++i) {
    const bool is_marked = map[i] != 0, is_lesion = lesion[i] != 0;
    marked += is_marked;
    diseased += is_lesion;
    both += is_marked && is_lesion;
  }
  const auto all = static_cast<std::int64_t>(map.size());
  return {both, marked - both, all - marked - diseased + both, diseased - both};
}

Rates rates_of(const Confusion& counts, double specificity_epsilon) {
  const std::int64_t hits = counts.true_positives;
  const bool missed_all = counts.marked() == 0 && counts.lesion() > 0;
  return {.dice = ratio(2 * hits, counts.marked() + counts.lesion()),
          .precision = missed_all ? 0.0 : ratio(hits, counts.marked()),
          .sensitivity = ratio(hits, counts.lesion()),
          .specificity = specificity_of(counts, specificity_epsilon),
          .false_positive_rate = ratio(counts.false_positives, counts.healthy()),
          .accuracy = ratio(hits + counts.true_negatives, counts.healthy() + counts.lesion())};
}

Confusion publish_counts(const Confusion& counts) {
  return {.true_positives = counts.true_negatives,
          .false_positives = counts.false_negatives,
          .true_negatives = counts.false_positives,
          .false_negatives = counts.true_positives};
}

Rates published_rates(const Confusion& counts, double specificity_epsilon) {
  Rates rates = rates_of(counts);
  rates.specificity = specificity_of(publish_counts(counts), specificity_epsilon);
  rates.false_positive_rate = ratio(counts.false_positives, counts.marked());
  return rates;
}

}  // namespace gyrus
