#include "trainer/evaluation/options.hpp"

#include <fmt/format.h>

#include "launch/error.hpp"

namespace gyrus {

void EvaluationOptions::fields(Fields& f) {
  f.field("erosion", erosion,
          "iterations by which each slice of the brain mask is eroded; auto: slice height / 25",
          {.min = -1, .max = 64, .auto_value = -1, .may_change_on_resume = true});
  f.field("median_size", median_size, "edge of the median filter's cube, odd",
          {.min = 1, .max = 9, .unit = "voxels", .may_change_on_resume = true});
  f.field("order", order, "whether the mask is applied before the median filter or after it (Q38)",
          {.choices = {"erosion_first", "median_first"}, .may_change_on_resume = true});
  f.field("min_component", min_component,
          "connected components with fewer voxels are dropped from the binary map (Q39)",
          {.min = 0, .unit = "voxels", .may_change_on_resume = true});
  f.field("slice_batch", slice_batch, "slices reconstructed in one forward pass",
          {.min = 1, .may_change_on_resume = true});
  f.field("threshold_sets", threshold_sets, "sets on which `gyrus eval` finds thresholds",
          {.may_change_on_resume = true});
  f.field("test_sets", test_sets,
          "set tested with the threshold of the set at the same place of threshold_sets",
          {.may_change_on_resume = true});
  f.field("healthy_sets", healthy_sets, "sets of which only the reconstruction is scored",
          {.may_change_on_resume = true});
  threshold_fields(f);
  score_fields(f);
}

void EvaluationOptions::threshold_fields(Fields& f) {
  f.field("threshold", threshold,
          "lesions: the threshold with the best Dice on a labelled set; healthy: the one above which "
          "healthy_rate of a healthy set's voxels lie (Q45)",
          {.choices = {"lesions", "healthy"}, .may_change_on_resume = true});
  f.field("search", search,
          "for the best Dice: exhaustive: all thresholds k / 8192; interval: ten rounds of halving (Q41)",
          {.choices = {"exhaustive", "interval"}, .may_change_on_resume = true});
  f.field("objective", objective,
          "Dice that the search maximises: of all voxels together, or the mean over patients (Q41)",
          {.choices = {"pooled", "patient"}, .may_change_on_resume = true});
  f.field("search_components", search_components,
          "the search drops small components as the test does; false is the published behaviour (Q41)",
          {.may_change_on_resume = true});
  f.field("healthy_rate", healthy_rate, "share of voxels above the threshold of threshold=healthy",
          {.min = 1e-6, .max = 0.5, .may_change_on_resume = true});
  f.field("healthy_threshold", healthy_threshold,
          "quantile: exact; roc: from a ROC curve without its collinear points (Q51)",
          {.choices = {"quantile", "roc"}, .may_change_on_resume = true});
  f.field("validation_threshold", validation_threshold,
          "with which threshold sets are scored: the set's, or each volume's own best one (Q40)",
          {.choices = {"set", "own"}, .may_change_on_resume = true});
  f.field("round_threshold", round_threshold,
          "round thresholds to float32 before comparing; true is the published behaviour (Q52)",
          {.may_change_on_resume = true});
}

void EvaluationOptions::score_fields(Fields& f) {
  f.field("confusion", confusion, "names of the four counts: proper, or exchanged as published (Q42)",
          {.choices = {"proper", "published"}, .may_change_on_resume = true});
  f.field("specificity_epsilon", specificity_epsilon,
          "added to the specificity's denominator (Q52: 1e-7 is published)",
          {.min = 0.0, .max = 1.0, .may_change_on_resume = true});
  f.field("slice_axis", slice_axis, "slices of the slice-wise scores; sagittal is published (Q43)",
          {.choices = {"axial", "sagittal"}, .may_change_on_resume = true});
  f.field("slice_components", slice_components,
          "slice-wise scores see the map without its small components; false is published (Q52)",
          {.may_change_on_resume = true});
  f.field("distance_unit", distance_unit, "of Hausdorff distances; voxels is published (Q49)",
          {.choices = {"mm", "voxels"}, .may_change_on_resume = true});
  f.field("surface_tolerance", surface_tolerance, "distance up to which borders agree in the surface Dice",
          {.min = 0.0, .unit = "mm", .may_change_on_resume = true});
  f.field("bootstrap_samples", bootstrap_samples, "samples behind the 95 % intervals of means",
          {.min = 100, .may_change_on_resume = true});
}

void EvaluationOptions::validate() const {
  if (median_size % 2 == 0)
    throw ConfigError(
        fmt::format("evaluation.median_size is {}; the edge of a median filter is odd", median_size));
  if (test_sets.empty()) throw ConfigError("evaluation.test_sets is empty; name at least one set");
  if (threshold_sets.size() != test_sets.size())
    throw ConfigError(
        fmt::format("evaluation.threshold_sets has {} names, evaluation.test_sets {}; they are pairs",
                    threshold_sets.size(), test_sets.size()));
}

}  // namespace gyrus
