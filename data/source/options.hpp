#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

/// One folder of NIfTI files and how its volumes are found: by a table, by names or by a scan of the folder.
/// In the patterns, {name} stands for that column of the row: of the table, of the joined table, a named part
/// of `scan` or `extract`; {modality} and {MODALITY} stand for data.modality. docs/data.md describes all of
/// it.
struct SourceOptions {
  std::string folder;
  // Exactly one of these three lists the volumes.
  std::string table;                  // CSV or TSV in the folder, a row per volume
  std::vector<std::string> subjects;  // names; the only column is {subject}
  std::string scan;                   // path pattern, matched against the folder's files
  std::string extract_from;           // pattern of a text that is taken apart ...
  std::string extract;                // ... by this pattern; its named parts become columns
  std::string join;                   // CSV or TSV in the folder with more columns for the rows
  std::string join_key = "{subject}";
  std::string join_column = "ID";     // of `join`: equals join_key
  std::string join_missing = "keep";  // keep | drop | fail: a row that `join` does not have
  std::string subject = "{subject}";  // subjects that are in two sets leak
  std::string id = "{subject}";       // unique in its set
  std::string set = "{split}";        // train, val, test, synthetic_val, ...
  std::string image;                  // relative to the folder; empty with `scan`: the file that was found
  std::string mask;                   // brain mask; empty: voxels of the image that are not 0
  std::string lesion;                 // lesion label; empty: healthy
  std::vector<std::string> optional;  // mask, lesion: such files may be absent, which is as if empty
  std::vector<std::int64_t> lesion_labels;  // values that are lesion; empty: all but 0
  std::string age;                          // years; empty: unknown
  std::string site;
  double val_share = 0.0;  // of the subjects, drawn; the others are in `set`
  double test_share = 0.0;
  std::string val_set = "val";
  std::string test_set = "test";
  std::int64_t split_seed = 1;

  void fields(Fields& fields);
  /// What is filled in for each volume: option and pattern.
  std::vector<std::pair<const char*, const std::string*>> volume_patterns() const;
  /// @param name  of the source, for messages
  /// @throws ConfigError
  void validate(const std::string& name) const;
};

/// Of the step `resample`.
struct ResampleOptions {
  std::vector<double> spacing = {1.0, 1.0, 1.0};  // mm along x, y, z
  std::string interpolation = "linear";           // linear | bspline | nearest, of the image
  std::string labels = "nearest";  // nearest | linear, of masks and lesions; also of the step `register`

  void fields(Fields& fields);
  void validate() const;
};

/// Of the step `n4`.
struct N4Options {
  std::vector<std::int64_t> iterations = {200, 200, 200, 200};  // at most, per level of the field's mesh
  std::int64_t shrink = 4;                                      // every so manieth voxel is looked at

  void fields(Fields& fields);
  void validate() const;
};

/// Of the step `register`.
struct RegisterOptions {
  std::string template_file;
  std::string interpolation = "linear";  // linear | bspline, of the image; labels as in ResampleOptions

  void fields(Fields& fields);
};

/// Of the step `match_histogram`.
struct MatchHistogramOptions {
  std::string reference;  // NIfTI file of a brain, 0 outside of it
  std::int64_t landmarks = 11;

  void fields(Fields& fields);
};

}  // namespace gyrus
