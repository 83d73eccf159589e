#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "data/source/options.hpp"
#include "launch/config/fields.hpp"

namespace gyrus {

/// Probability of each augmentation per sample. The first four are the published recipe (torchio 0.18; 0.5,
/// 0.25, 0.25, 0.5). All off by default.
struct AugmentOptions {
  double gamma = 0.0;
  double bias_field = 0.0;
  double blur = 0.0;
  double ghosting = 0.0;
  double flip = 0.0;
  double elastic = 0.0;
  double invert = 0.0;

  bool is_off() const { return gamma + bias_field + blur + ghosting + flip + elastic + invert == 0.0; }
  void fields(Fields& fields);
};

/// Which slices an epoch shows, and in which order: see SampleOrder. The options stand in `data` itself.
struct OrderOptions {
  std::string slice_policy = "slice";  // slice | stratified | all_slices | block
  double min_brain_fraction = 0.0;     // slices with a smaller share of brain pixels are left out
  std::int64_t block_slices = 64;      // of the policy block
  std::int64_t window_blocks = 32;

  void fields(Fields& fields);
};

/// Copies of shards on a node's own disk: see LocalStage.
struct StageOptions {
  std::string dir;      // empty: gyrus-stage-UID in $TMPDIR or /tmp
  double max_gb = 0.0;  // 10^9 bytes for all copies together; 0 (auto): half of the disk

  void fields(Fields& fields);
};

/// The generated cohort of `data=phantom`.
struct PhantomOptions {
  std::int64_t seed = 1;
  std::int64_t train_subjects = 96;
  std::int64_t val_subjects = 12;
  std::int64_t test_subjects = 24;

  void fields(Fields& fields);
};

/// Which slices there are, how they are made and how they are read.
struct DataOptions {
  std::string name;            // of the data set, for folders and tables
  std::string kind = "nifti";  // phantom | nifti | hdf5
  std::string root;            // folder of the prepared shards
  OrderOptions order;
  std::int64_t loader_threads = 0;     // 0 (auto): chosen from the cores of this rank and the measured waits
  std::int64_t prefetch_batches = 0;   // 0 (auto): two more than there are threads
  std::string faults = "fail";         // fail | substitute: a training slice that cannot be read
  std::string source_policy = "auto";  // stream | node_cache | local_stage | device_cache: see ADR 0005
  StageOptions stage;

  std::int64_t folds = 1;                // 1: sets as the tables have them
  std::int64_t fold = 0;                 // the part of the healthy subjects that is held out
  std::int64_t fold_seed = 1;            // of the division, so that runs with other seeds share folds
  std::vector<std::string> fold_strata;  // of age, site: what every fold has in equal parts

  std::int64_t shard_volumes = 16;  // volumes per file, when shards are made
  std::string codec = "deflate";    // none | deflate | lz4 | zstd
  std::string on_error = "fail";    // fail | skip: a volume that cannot be prepared

  // These shape the slices; the manifest of the shards keeps them.
  std::vector<std::int64_t> image_size = {
      48, 48, 16};              // x, y, z of the finished volume; the crop is downsample times it
  std::int64_t downsample = 1;  // 1, 2 or 4
  std::vector<double> percentiles = {1.0, 99.0};  // of the brain, mapped to 0 and 1
  std::vector<std::string> steps = {"curvature_flow", "centre", "rescale",
                                    "downsample"};  // of volumes that are read, in this order
  ResampleOptions resample;
  bool brain_box_inclusive = true;  // false: without the box's last plane along each axis (Q23)
  bool curvature_flow = true;       // three steps of edge-preserving smoothing of the image
  N4Options n4;
  RegisterOptions registration;  // data.register
  MatchHistogramOptions match_histogram;
  bool clip = true;               // to [0, 1] after downsampling (method.md Q26)
  bool reorient = true;           // to LPS axes by the file's affine (Q25)
  std::string quantise = "none";  // none | uint16
  PhantomOptions phantom;
  std::string modality;              // of the images: {modality} in the patterns of sources
  std::string duplicates = "fail";   // fail | drop | keep: a volume listed twice in a set (Q20)
  std::string leakage = "fail";      // fail | drop | keep: a subject in two sets (Q20)
  std::vector<std::string> sources;  // names of the entries of `source`
  std::map<std::string, SourceOptions> source;

  AugmentOptions augment;

  void fields(Fields& fields);
  /// Checks that options fit together. @throws ConfigError
  void validate() const;
  /// The options that shape the slices, by dotted name: equal ones give equal slices from equal sources.
  /// Folders are not among them, so that prepared shards may move to a machine without the sources.
  std::map<std::string, std::string> preparation() const;

 private:
  void preparation_fields(Fields& fields);
};

}  // namespace gyrus
