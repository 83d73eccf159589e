#include "data/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sched.h>

#include <algorithm>
#include <set>

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
               {.min = 1});
  fields.field("window_blocks", window_blocks,
               "blocks among which slice_policy=block mixes; a batch comes from that many places",
               {.min = 1});
}

void PhantomOptions::fields(Fields& fields) {
  fields.field("seed", seed, "seed of the generated brains; the run's seed does not matter to them",
               {.min = 0});
  fields.field("train_subjects", train_subjects, "healthy subjects for training", {.min = 1});
  fields.field("val_subjects", val_subjects, "subjects with lesions for validation", {.min = 0});
  fields.field("test_subjects", test_subjects, "subjects with lesions for the test", {.min = 0});
}

void SourceOptions::fields(Fields& fields) {
  fields.field("folder", folder, "folder of the NIfTI files; the other paths are relative to it",
               {.may_change_on_resume = true});
  fields.field("table", table, "CSV table with one row per volume; empty: `subjects` lists them");
  fields.field("subjects", subjects, "names of the subjects, instead of a table");
  fields.field("subject", subject,
               "pattern of the subject's name; {column} stands for that column of the table");
  fields.field("id", id, "pattern of the volume's name, unique in its set");
  fields.field("set", set, "pattern of the set's name: train, val, test, or the name of a lesion set");
  fields.field("image", image, "pattern of the image's file name");
  fields.field("mask", mask,
               "pattern of the brain mask's file name; empty: voxels of the image that are not 0");
  fields.field("lesion", lesion, "pattern of the lesion label's file name; empty: healthy subjects");
  fields.field("age_table", age_table, "CSV table with the subjects' ages; empty: ages unknown");
  fields.field("age_key", age_key, "pattern of the subject's name in the table of ages");
  fields.field("age_id_column", age_id_column, "column of the table of ages that holds that name");
  fields.field("age_column", age_column, "column of the table of ages that holds the age in years");
}

void DataOptions::preparation_fields(Fields& fields) {
  fields.field(
      "kind", kind,
      "phantom: generated brains; nifti: files of `sources`; hdf5: files of another program in `root`",
      {.choices = {"phantom", "nifti", "hdf5"}});
  fields.field("image_size", image_size,
               "voxels along x, y, z of the prepared volume; the source is cropped to downsample times that",
               {.min = 1});
  fields.field("downsample", downsample, "factor by which volumes are made smaller: 1, 2 or 4",
               {.min = 1, .max = 4});
  fields.field("percentiles", percentiles, "percentiles of the brain's intensities that become 0 and 1",
               {.min = 0.0, .max = 100.0});
  fields.field("clip", clip,
               "limit intensities to [0, 1] after downsampling; false is the published behaviour");
  fields.field("curvature_flow", curvature_flow, "smooth NIfTI images by three steps of curvature flow");
  fields.field("reorient", reorient,
               "bring NIfTI files to LPS axes; false takes arrays as they are (published)");
  fields.field(
      "quantise", quantise,
      "uint16: new shards keep intensities as 16-bit integers (at most 8e-6 off, 2e-5 without clip); "
      "none: exact",
      {.choices = {"none", "uint16"}});
  fields.group("phantom", phantom);
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
  fields.field("loader_threads", loader_threads, "threads per rank that read slices ahead",
               {.min = 0, .auto_value = 0, .may_change_on_resume = true});
  fields.field("prefetch_batches", prefetch_batches, "batches that are read ahead at most",
               {.min = 1, .may_change_on_resume = true});
  fields.field(
      "faults", faults,
      "a training slice that cannot be read: fail; substitute another, the same on any number of ranks, "
      "and say so",
      {.choices = {"fail", "substitute"}, .may_change_on_resume = true});
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
  if (kind != "nifti") return;
  if (sources.empty()) throw ConfigError("data.sources is empty: name at least one source of NIfTI files");
  if (std::set<std::string>(sources.begin(), sources.end()).size() != sources.size()) {
    throw ConfigError(fmt::format("data.sources names a source twice: {}", sources));
  }
  for (const auto& source_name : sources) {
    const auto found = source.find(source_name);
    if (found == source.end())
      throw ConfigError(fmt::format("data.source has no entry {}, which data.sources names", source_name));
    const auto& entry = found->second;
    if (entry.folder.empty()) throw ConfigError(fmt::format("data.source.{}.folder is empty", source_name));
    if (entry.image.empty()) throw ConfigError(fmt::format("data.source.{}.image is empty", source_name));
    if (entry.table.empty() == entry.subjects.empty()) {
      throw ConfigError(fmt::format("data.source.{}: give either table or subjects", source_name));
    }
  }
}

std::map<std::string, std::string> DataOptions::preparation() const {
  if (kind == "hdf5") return {{"kind", kind}};
  TextFields text;
  DataOptions(*this).preparation_fields(text);
  const bool generated = kind == "phantom";
  std::erase_if(text.values, [&](const auto& entry) {
    const bool of_phantom = entry.first.starts_with("phantom.");
    const bool of_files =
        entry.first.starts_with("source") || entry.first == "curvature_flow" || entry.first == "reorient";
    return entry.first.ends_with(".folder") || (generated ? of_files : of_phantom);
  });
  return text.values;
}

std::int64_t loader_threads(const DataOptions& options) {
  if (options.loader_threads > 0) return options.loader_threads;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  const bool known = ::sched_getaffinity(0, sizeof cores, &cores) == 0;
  // Reading is cheap beside training; the cores belong to the training step.
  return std::clamp<std::int64_t>(known ? CPU_COUNT(&cores) / 4 : 1, 1, 4);
}

}  // namespace gyrus
