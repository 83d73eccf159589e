#include "data/lint/finding.hpp"

#include <array>
#include <utility>

namespace gyrus {
namespace {

constexpr std::array<std::pair<const char*, const char*>, num_checks> words = {{
    {"two_sets", "subjects in two sets"},
    {"listed_twice", "volumes listed twice"},
    {"unreadable", "files that cannot be read"},
    {"not_finite", "images with NaN or infinite voxels"},
    {"no_orientation", "files without orientation"},
    {"other_grid", "masks and lesions on another grid than their image"},
    {"left_right", "left and right may be exchanged"},
    {"empty_mask", "empty brain masks"},
    {"constant", "brains of one and the same intensity"},
    {"mask_off_image", "masks that do not overlap the image"},
    {"lesion_off_brain", "lesions outside the brain mask"},
    {"identical", "byte-identical images under different names"},
    {"uneven_grids", "volumes on another grid than most of their source"},
    {"unknown_traits", "subjects without what data.fold_strata needs"},
}};

}  // namespace

const char* title_of(Check check) {
  return words[static_cast<std::size_t>(check)].second;
}

const char* name_of(Check check) {
  return words[static_cast<std::size_t>(check)].first;
}

}  // namespace gyrus
