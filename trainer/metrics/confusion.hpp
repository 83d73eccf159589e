#pragma once

#include <cstdint>
#include <span>

namespace gyrus {

/// Voxels by what the map says and what the label says.
struct Confusion {
  std::int64_t true_positives = 0, false_positives = 0, true_negatives = 0, false_negatives = 0;

  std::int64_t marked() const { return true_positives + false_positives; }
  std::int64_t lesion() const { return true_positives + false_negatives; }
  std::int64_t healthy() const { return true_negatives + false_positives; }
};

Confusion count_confusion(std::span<const std::uint8_t> map, std::span<const std::uint8_t> lesion);

/// NaN where not defined: Dice when both are empty, precision too, sensitivity without a lesion, specificity
/// when all is lesion. An empty map of a volume with a lesion has precision 0.
struct Rates {
  double dice = 0.0, precision = 0.0, sensitivity = 0.0, specificity = 0.0, false_positive_rate = 0.0,
         accuracy = 0.0;
};
/// `specificity_epsilon` is added to the specificity's denominator (Q52).
Rates rates_of(const Confusion& counts, double specificity_epsilon = 0.0);

/// What the published code writes down under these names (Q42): its TP are the true negatives, its FP the
/// false negatives, its TN the false positives, its FN the true positives.
Confusion publish_counts(const Confusion& counts);
/// The published rates: specificity from those counts, and a "false positive rate" that is FP / (FP + TP).
Rates published_rates(const Confusion& counts, double specificity_epsilon);

}  // namespace gyrus
