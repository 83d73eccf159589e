#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace gyrus {

/// What `gyrus lint` looks for, most serious first.
enum class Check {
  two_sets,          // a subject in a training set and another one, or in two sets of a source
  listed_twice,      // one name in one set, in two rows
  unreadable,        // files that are missing, damaged or no volumes
  not_finite,        // NaN or infinite voxels
  no_orientation,    // neither sform nor qform, where data.reorient needs one
  other_grid,        // mask or lesion on another grid than the image
  left_right,        // what hints at left and right exchanged
  empty_mask,        // no brain
  constant,          // one intensity in the whole brain
  mask_off_image,    // a mask that covers what the image leaves black
  lesion_off_brain,  // lesion voxels outside the brain mask
  identical,         // images of different names with the same bytes
  uneven_grids,      // volumes of one source on different grids
  unknown_traits,    // ages or sites that data.fold_strata needs
};
inline constexpr std::size_t num_checks = 14;

/// "subjects in two sets": the heading of a group of findings.
const char* title_of(Check check);
/// "two_sets": the name in JSON.
const char* name_of(Check check);

/// One thing that is wrong.
struct Finding {
  Check check;
  bool is_error;                       // otherwise a warning
  std::string text;                    // with the names of files
  std::vector<std::size_t> rows;       // of the listing, that it concerns
  std::vector<std::size_t> leave_out;  // those of them that --fix leaves out; none: nothing is safe to do
};

}  // namespace gyrus
