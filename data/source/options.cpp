#include "data/source/options.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "launch/error.hpp"

namespace gyrus {

void SourceOptions::fields(Fields& fields) {
  const Rules share{.min = 0.0, .max = 1.0};
  fields.field("folder", folder, "folder of the NIfTI files; the other paths are relative to it",
               {.may_change_on_resume = true});
  fields.field("table", table, "CSV or TSV table with one row per volume");
  fields.field("subjects", subjects, "names of the subjects, instead of a table");
  fields.field("scan", scan,
               "pattern of the images' paths, instead of a table: its named parts are the columns");
  fields.field("extract_from", extract_from, "pattern of a text that `extract` takes apart");
  fields.field("extract", extract, "pattern whose named parts become columns of the row");
  fields.field("join", join, "CSV or TSV table with further columns for the rows; empty: none");
  fields.field("join_key", join_key, "pattern of what identifies a row in the joined table");
  fields.field("join_column", join_column, "column of the joined table that holds it");
  fields.field("join_missing", join_missing,
               "a row that the joined table does not have: keep it with empty columns; drop it; fail",
               {.choices = {"keep", "drop", "fail"}});
  fields.field("subject", subject, "pattern of the subject's name; {column} stands for that column");
  fields.field("id", id, "pattern of the volume's name, unique in its set");
  fields.field("set", set, "pattern of the set's name: train, val, test, or the name of a lesion set");
  fields.field("image", image, "pattern of the image's file name; empty: the file that `scan` found");
  fields.field("mask", mask,
               "pattern of the brain mask's file name; empty: voxels of the image that are not 0");
  fields.field("lesion", lesion, "pattern of the lesion label's file name; empty: healthy subjects");
  fields.field("optional", optional,
               "files that may be absent, which is as if their pattern were empty; others are errors",
               {.choices = {"mask", "lesion"}});
  fields.field("lesion_labels", lesion_labels, "values of the label that are lesion; empty: all but 0");
  fields.field("age", age, "pattern of the age in years; empty: unknown");
  fields.field("site", site, "pattern of the scanner or hospital; empty: unknown");
  fields.field("val_share", val_share, "share of the subjects that is drawn into val_set", share);
  fields.field("test_share", test_share, "share of the subjects that is drawn into test_set", share);
  fields.field("val_set", val_set, "name of the set that val_share draws");
  fields.field("test_set", test_set, "name of the set that test_share draws");
  fields.field("split_seed", split_seed, "seed of the drawing; the run's seed does not matter to it",
               {.min = 0});
}

std::vector<std::pair<const char*, const std::string*>> SourceOptions::volume_patterns() const {
  return {{"subject", &subject}, {"id", &id},         {"set", &set}, {"image", &image},
          {"mask", &mask},       {"lesion", &lesion}, {"age", &age}, {"site", &site}};
}

void SourceOptions::validate(const std::string& name) const {
  const std::string here = "data.source." + name;
  if (folder.empty()) throw ConfigError(fmt::format("{}.folder is empty", here));
  if (image.empty() && scan.empty()) throw ConfigError(fmt::format("{}.image is empty", here));
  if (!table.empty() + !subjects.empty() + !scan.empty() != 1)
    throw ConfigError(fmt::format("{}: give exactly one of table, subjects and scan", here));
  if (extract.empty() != extract_from.empty())
    throw ConfigError(fmt::format("{}: extract and extract_from go together; one of them is empty", here));
  auto patterns = volume_patterns();
  patterns.insert(
      patterns.end(),
      {{"scan", &scan}, {"extract_from", &extract_from}, {"extract", &extract}, {"join_key", &join_key}});
  for (const auto& [option, pattern] : patterns) {
    for (auto open = pattern->find('{'); open != std::string::npos; open = pattern->find('{', open + 1)) {
      const std::string part = pattern->substr(open + 1, pattern->find('}', open) - open - 1);
      if (part.empty() || part.find('/') != std::string::npos)
        throw ConfigError(fmt::format("{}.{}: '{}' has the part {{{}}}; a part is a name, without /", here,
                                      option, *pattern, part));
    }
    if (pattern->rfind('{') != std::string::npos &&
        pattern->find('}', pattern->rfind('{')) == std::string::npos)
      throw ConfigError(fmt::format("{}.{}: '{}' has a brace that is not closed", here, option, *pattern));
  }
  if (scan.find("{file}") != std::string::npos)
    throw ConfigError(
        fmt::format("{}.scan: {{file}} is the whole path that was found; name the part otherwise", here));
  if (val_share + test_share > 1.0 + 1e-9)
    throw ConfigError(fmt::format("{}: val_share {} and test_share {} are more than all subjects", here,
                                  val_share, test_share));
  if (val_share + test_share > 0.0 && set.find('{') != std::string::npos)
    throw ConfigError(fmt::format(
        "{}: val_share and test_share draw the sets, so set is the name of the rest, as train; it is '{}'",
        here, set));
}

void ResampleOptions::fields(Fields& fields) {
  fields.field("spacing", spacing, "step resample: size of the new voxels along x, y, z",
               {.min = 0.01, .max = 100.0, .unit = "mm"});
  fields.field("interpolation", interpolation,
               "step resample: of the image; bspline is cubic, with prefilter (published)",
               {.choices = {"linear", "bspline", "nearest"}});
  fields.field(
      "labels", labels,
      "steps resample and register: of masks and lesions; linear and then all above 0, which dilates "
      "them, is the published behaviour",
      {.choices = {"nearest", "linear"}});
}

void ResampleOptions::validate() const {
  const auto is_size = [](double size) { return std::isfinite(size) && size > 0.0; };
  if (spacing.size() != 3 || !std::all_of(spacing.begin(), spacing.end(), is_size))
    throw ConfigError(
        fmt::format("data.resample.spacing is {}: give three positive sizes x, y, z in mm", spacing));
}

void N4Options::fields(Fields& fields) {
  fields.field("iterations", iterations,
               "step n4: most iterations per level, each level with half the mesh of the one before",
               {.min = 1, .max = 10000});
  fields.field("shrink", shrink,
               "step n4: the field is found from every so manieth voxel per axis; larger is faster",
               {.min = 1, .max = 16});
}

void N4Options::validate() const {
  constexpr std::size_t most_levels = 8;  // the mesh of the last has a cell per voxel
  if (iterations.empty() || iterations.size() > most_levels)
    throw ConfigError(
        fmt::format("data.n4.iterations is {}: give the most iterations of each of 1 to {} levels, as [200, "
                    "200, 200, 200]",
                    iterations, most_levels));
}

void RegisterOptions::fields(Fields& fields) {
  fields.field("template", template_file,
               "step register: NIfTI file of the image to which volumes are registered, on whose grid they "
               "then lie");
  fields.field("interpolation", interpolation, "step register: of the image; bspline is cubic",
               {.choices = {"linear", "bspline"}});
}

void MatchHistogramOptions::fields(Fields& fields) {
  fields.field("reference", reference,
               "step match_histogram: NIfTI file of a brain, 0 outside of it, that gives the intensities");
  fields.field("landmarks", landmarks,
               "step match_histogram: percentiles that are matched, evenly spread between data.percentiles",
               {.min = 2, .max = 1001});
}

}  // namespace gyrus
