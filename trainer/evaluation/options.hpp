#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

/// How maps are post-processed, thresholded and scored. The defaults are the corrected behaviour; numbers Qn
/// are the published code's quirks (docs/evaluation.md), which evaluation=reference turns on.
struct EvaluationOptions {
  // Post-processing
  std::int64_t erosion = -1;  // auto: slice height / 25
  std::int64_t median_size = 5;
  std::string order = "erosion_first";  // erosion_first | median_first (Q38)
  std::int64_t min_component = 8;       // voxels; smaller components of the binary map are dropped (Q39)
  std::int64_t slice_batch = 16;

  // Pairs "threshold set -> test set": the threshold found on the first is used on the second.
  std::vector<std::string> threshold_sets = {"val"};
  std::vector<std::string> test_sets = {"test"};
  std::vector<std::string> healthy_sets;  // scored for their reconstruction only

  // The threshold
  std::string threshold = "lesions";  // lesions | healthy (Q45)
  std::string search = "exhaustive";  // exhaustive | interval (Q41)
  std::string objective = "pooled";   // pooled | patient (Q41)
  bool search_components = true;      // the search drops components as the test does (Q41)
  double healthy_rate = 0.05;         // share of healthy voxels above a threshold of threshold=healthy
  std::string healthy_threshold = "quantile";  // quantile | roc (Q51)
  std::string validation_threshold = "set";    // set | own (Q40)
  bool round_threshold = false;                // to float32 before comparing (Q52)

  // Scores
  std::string confusion = "proper";  // proper | published (Q42)
  double specificity_epsilon = 0.0;  // Q52
  std::string slice_axis = "axial";  // axial | sagittal (Q43)
  bool slice_components = true;      // slice scores see the map without its small components (Q52)
  std::string distance_unit = "mm";  // mm | voxels (Q49)
  double surface_tolerance = 2.0;    // mm, whatever distance_unit is
  std::int64_t bootstrap_samples = 1000;

  void fields(Fields& f);
  /// @throws ConfigError where options do not fit together
  void validate() const;

 private:
  void threshold_fields(Fields& f);
  void score_fields(Fields& f);
};

}  // namespace gyrus
