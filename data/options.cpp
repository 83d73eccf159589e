#include "data/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "data/source/grid.hpp"
#include "data/source/steps.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

/// Collects every option as text.
class TextFields : public Fields {
 public:
  std::map<std::string, std::string> values;

  void field(const char* name, bool& value, const char*, const Rules&) override { keep(name, value); }
  void field(const char* name, std::int64_t& value, const char*, const Rules&) override { keep(name, value); }
  void field(const char* name, double& value, const char*, const Rules&) override { keep(name, value); }
  void field(const char* name, std::string& value, const char*, const Rules&) override { keep(name, value); }
  void field(const char* name, std::vector<std::int64_t>& value, const char*, const Rules&) override {
    keep(name, value);
  }
  void field(const char* name, std::vector<double>& value, const char*, const Rules&) override {
    keep(name, value);
  }
  void field(const char* name, std::vector<std::string>& value, const char*, const Rules&) override {
    keep(name, value);
  }

 protected:
  void begin_group(const char* name) override { path_.push_back(name); }
  void end_group() override { path_.pop_back(); }

 private:
  template <class T>
  void keep(const char* name, const T& value) {
    path_.push_back(name);
    values[fmt::format("{}", fmt::join(path_, "."))] = fmt::format("{}", value);
    path_.pop_back();
  }
  std::vector<std::string> path_;
};

/// The entries of `data.source`, one group per name in `data.sources`.
struct NamedSources {
  const std::vector<std::string>& names;
  std::map<std::string, SourceOptions>& sources;

  void fields(Fields& fields) {
    for (const auto& name : names) fields.group(name.c_str(), sources[name]);
  }
};

}  // namespace

void AugmentOptions::fields(Fields& fields) {
  const Rules probability{.min = 0.0, .max = 1.0};
  fields.field("gamma", gamma, "probability of a random gamma curve (published recipe: 0.5)", probability);
  fields.field("bias_field", bias_field, "probability of a smooth random bias field (published recipe: 0.25)",
               probability);
  fields.field("blur", blur, "probability of a random Gaussian blur (published recipe: 0.25)", probability);
  fields.field("ghosting", ghosting, "probability of motion-like ghosts (published recipe: 0.5)",
               probability);
  fields.field("flip", flip, "probability of left and right exchanged", probability);
  fields.field("elastic", elastic, "probability of a smooth deformation in the slice's plane, 7.5 mm at most",
               probability);
  fields.field("invert", invert, "probability of inverted contrast inside the brain", probability);
}

void OrderOptions::fields(Fields& fields) {
  fields.field(
      "slice_policy", slice_policy,
      "slice: one random slice per volume and epoch; stratified: the same with heights spread evenly; "
      "all_slices: each slice once; block: each once, in shuffled runs of neighbours",
      {.choices = {"slice", "stratified", "all_slices", "block"}});
  fields.field("min_brain_fraction", min_brain_fraction,
               "training slices with a smaller share of brain pixels are left out", {.min = 0.0, .max = 1.0});
  fields.field("block_slices", block_slices,
               "slices that slice_policy=block reads one after the other, for file systems that like it",
               {.min = 1, .max = 1e6});
  fields.field("window_blocks", window_blocks,
               "blocks among which slice_policy=block mixes; a batch comes from that many places",
               {.min = 1, .max = 1e6});
}

void StageOptions::fields(Fields& fields) {
  fields.field(
      "dir", dir,
      "folder on the node's own disk for copies of shards; empty: gyrus-stage-UID in $TMPDIR or /tmp",
      {.may_change_on_resume = true});
  fields.field("max_gb", max_gb,
               "room that all copies may take, in 10^9 bytes; those used longest ago go first; auto: half of "
               "the disk",
               {.min = 0.0, .max = 1e9, .unit = "GB", .auto_value = 0, .may_change_on_resume = true});
}

void PhantomOptions::fields(Fields& fields) {
  fields.field("seed", seed, "seed of the generated brains; the run's seed does not matter to them",
               {.min = 0});
  fields.field("train_subjects", train_subjects, "healthy subjects for training", {.min = 1, .max = 1e6});
  fields.field("val_subjects", val_subjects, "subjects with lesions for validation", {.min = 0, .max = 1e6});
  fields.field("test_subjects", test_subjects, "subjects with lesions for the test", {.min = 0, .max = 1e6});
}

void DataOptions::preparation_fields(Fields& fields) {
  fields.field(
      "kind", kind,
      "phantom: generated brains; nifti: files of `sources`; hdf5: files of another program in `root`",
      {.choices = {"phantom", "nifti", "hdf5"}});
  fields.field("image_size", image_size,
               "voxels along x, y, z of the prepared volume; the source is cropped to downsample times that",
               {.min = 1, .max = 4096});
  fields.field("downsample", downsample, "factor by which volumes are made smaller: 1, 2 or 4",
               {.min = 1, .max = 4});
  fields.field("percentiles", percentiles, "percentiles of the brain's intensities that become 0 and 1",
               {.min = 0.0, .max = 100.0});
  fields.field("clip", clip,
               "limit intensities to [0, 1] after downsampling; false is the published behaviour");
  fields.field("steps", steps,
               "what is done to NIfTI volumes, in this order (docs/data.md); resample, strip, "
               "brain_box, match_histogram, and n4 and register, which need a build with ITK, are done "
               "when they are named here",
               {.choices = step_names()});
  fields.group("resample", resample);
  fields.field(
      "brain_box_inclusive", brain_box_inclusive,
      "step brain_box: keep the last plane of the brain along each axis; false loses it (published)");
  fields.field("curvature_flow", curvature_flow,
               "smooth NIfTI images by three steps of curvature flow, at their place in steps");
  fields.group("n4", n4);
  fields.group("register", registration);
  fields.group("match_histogram", match_histogram);
  fields.field("reorient", reorient,
               "bring NIfTI files to LPS axes; false takes arrays as they are (published)");
  fields.field(
      "quantise", quantise,
      "uint16: new shards keep intensities as 16-bit integers (at most 8e-6 off, 2e-5 without clip); "
      "none: exact",
      {.choices = {"none", "uint16"}});
  fields.group("phantom", phantom);
  fields.field("modality", modality,
               "contrast of the images, as t1, t2 or flair: {modality} (and {MODALITY}) in the patterns of "
               "sources");
  fields.field("duplicates", duplicates,
               "a volume listed twice in a set: fail; drop all but the first, and say so; keep both "
               "(published)",
               {.choices = {"fail", "drop", "keep"}});
  fields.field("leakage", leakage,
               "a subject in two sets: fail; drop it from train, then from val, and say so; keep it "
               "(published)",
               {.choices = {"fail", "drop", "keep"}});
  fields.field("sources", sources,
               "names of the groups of NIfTI files to prepare, each described in source.NAME");
  NamedSources named{sources, source};
  fields.group("source", named);
}

void DataOptions::fields(Fields& fields) {
  const Rules free_on_resume{.may_change_on_resume = true};
  fields.field("name", name, "name of the data set in folders and tables");
  fields.field("root", root, "folder of the prepared shards", free_on_resume);
  order.fields(fields);
  fields.field(
      "loader_threads", loader_threads,
      "threads per rank that read slices ahead; auto: few at first, more while the training waits for them",
      {.min = 0, .max = 1024, .auto_value = 0, .may_change_on_resume = true});
  fields.field("prefetch_batches", prefetch_batches,
               "batches that are read ahead at most; auto: two more than there are threads",
               {.min = 0, .max = 65536, .auto_value = 0, .may_change_on_resume = true});
  fields.field(
      "faults", faults,
      "a training slice that cannot be read: fail; substitute another, the same on any number of ranks, "
      "and say so",
      {.choices = {"fail", "substitute"}, .may_change_on_resume = true});
  fields.field(
      "source_policy", source_policy,
      "where training slices come from: stream (each read when it is wanted), node_cache (one decoded copy "
      "in "
      "the memory of each node), local_stage (shards copied to each node's disk), device_cache (the whole "
      "set in "
      "the memory of each GPU, augmented there), auto (chooses one of the first three, says why)",
      {.choices = {"auto", "stream", "node_cache", "local_stage", "device_cache"},
       .may_change_on_resume = true});
  fields.group("stage", stage);
  fields.field(
      "folds", folds,
      "parts into which the healthy subjects of train and val are divided; 1: as the tables have them",
      {.min = 1});
  fields.field("fold", fold, "the part that is held out as val (val_healthy where val has lesions)",
               {.min = 0});
  fields.field("fold_seed", fold_seed, "seed of that division; the run's seed does not matter to it",
               {.min = 0});
  fields.field(
      "fold_strata", fold_strata,
      "out of age, site: every fold has equal parts of each site, and of young and old; []: at random",
      {.choices = {"age", "site"}});
  fields.field("shard_volumes", shard_volumes, "volumes per shard when shards are made",
               {.min = 1, .may_change_on_resume = true});
  fields.field(
      "codec", codec,
      "how new shards are compressed: deflate, which every HDF5 program reads; lz4 or zstd, which need "
      "a plugin elsewhere; none",
      {.choices = {"none", "deflate", "lz4", "zstd"}, .may_change_on_resume = true});
  fields.field("on_error", on_error,
               "a volume that cannot be prepared: fail, after all others are done; skip, and say so",
               {.choices = {"fail", "skip"}, .may_change_on_resume = true});
  preparation_fields(fields);
  fields.group("augment", augment);
}

void DataOptions::validate() const {
  if (image_size.size() != 3 ||
      std::any_of(image_size.begin(), image_size.end(), [](auto n) { return n < 1; })) {
    throw ConfigError(fmt::format("data.image_size is {}: give three positive sizes x, y, z", image_size));
  }
  if (downsample != 1 && downsample != 2 && downsample != 4) {
    throw ConfigError(fmt::format("data.downsample is {}: give 1, 2 or 4", downsample));
  }
  double num_voxels = std::pow(static_cast<double>(downsample), 3);
  for (const auto n : image_size) num_voxels *= static_cast<double>(n);
  if (num_voxels > static_cast<double>(max_voxels))
    throw ConfigError(
        fmt::format("data.image_size is {} and data.downsample {}: crops would have {:.0f} voxels, and no "
                    "volume may have "
                    "more than {}; give smaller sizes",
                    image_size, downsample, num_voxels, max_voxels));
  if (percentiles.size() != 2 || !(percentiles[0] < percentiles[1])) {
    throw ConfigError(
        fmt::format("data.percentiles is {}: give two rising numbers, as [1, 99]", percentiles));
  }
  if (fold >= folds)
    throw ConfigError(
        fmt::format("data.fold is {}, but data.folds={} has the folds 0 to {}", fold, folds, folds - 1));
  if (std::set<std::string>(fold_strata.begin(), fold_strata.end()).size() != fold_strata.size())
    throw ConfigError(fmt::format("data.fold_strata names one twice: {}", fold_strata));
  if (root.empty()) throw ConfigError("data.root is empty: name the folder of the prepared shards");
  if (std::filesystem::path(stage.dir).lexically_normal() == std::filesystem::path(root).lexically_normal())
    throw ConfigError(
        fmt::format("data.stage.dir is data.root, {}; give a folder on the node's own disk", root));
  if (kind != "nifti") return;
  if (sources.empty()) throw ConfigError("data.sources is empty: name at least one source of NIfTI files");
  if (std::set<std::string>(sources.begin(), sources.end()).size() != sources.size()) {
    throw ConfigError(fmt::format("data.sources names a source twice: {}", sources));
  }
  for (const auto& source_name : sources) {
    const auto found = source.find(source_name);
    if (found == source.end())
      throw ConfigError(fmt::format("data.source has no entry {}, which data.sources names", source_name));
    found->second.validate(source_name);
  }
  resample.validate();
  n4.validate();
  check_steps(*this);
}

std::map<std::string, std::string> DataOptions::preparation() const {
  if (kind == "hdf5") return {{"kind", kind}};
  TextFields text;
  DataOptions(*this).preparation_fields(text);
  const bool generated = kind == "phantom";
  const auto is_step = [&](const char* step) {
    return std::find(steps.begin(), steps.end(), step) != steps.end();
  };
  std::set<std::string> unused = {"phantom"};
  if (generated)
    unused = {"source", "steps",    "curvature_flow",  "reorient", "resample",   "brain_box",
              "n4",     "register", "match_histogram", "modality", "duplicates", "leakage"};
  for (const char* step : {"brain_box", "n4", "register", "match_histogram"})
    if (!is_step(step)) unused.insert(step);
  if (!is_step("resample")) unused.insert({"resample.spacing", "resample.interpolation"});
  if (!is_step("resample") && !is_step("register")) unused.insert("resample.labels");
  std::erase_if(text.values, [&](const auto& entry) {
    const std::string& option = entry.first;
    const bool is_unused = std::any_of(unused.begin(), unused.end(),
                                       [&](const auto& prefix) { return option.starts_with(prefix); });
    return is_unused || option.ends_with(".folder");
  });
  // Where these files lie does not matter; their bytes are part of each shard's recipe.
  for (const char* option : {"match_histogram.reference", "register.template"})
    if (const auto file = text.values.find(option); file != text.values.end())
      file->second = std::filesystem::path(file->second).filename().string();
  return text.values;
}

}  // namespace gyrus
