#include "data/lint/volume_checks.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

bool is_set(float label) {
  return label >= 0.5f;  // as the preparation takes it
}

std::string name_of_axes(const std::optional<std::array<AxisDirection, 3>>& directions) {
  if (!directions) return "no orientation";
  constexpr const char* letters[3] = {"RL", "AP", "IS"};
  std::string axes;
  for (const auto& direction : *directions)
    axes += letters[direction.patient_axis][direction.along_lps ? 1 : 0];
  return axes;
}

/// Voxel sizes to the micrometre: headers round.
std::string grid_of(const NiftiVolume& volume) {
  std::vector<std::string> sizes;
  for (const double spacing : volume.spacing)
    sizes.push_back(fmt::format("{:g}", std::round(spacing * 1000.0) / 1000.0));
  return fmt::format("{} voxels of {} mm, {}", fmt::join(volume.voxels.size, "x"), fmt::join(sizes, "x"),
                     name_of_axes(volume.directions));
}

bool same_grid(const NiftiVolume& a, const NiftiVolume& b) {
  bool same = a.voxels.size == b.voxels.size;
  for (int axis = 0; axis < 3; ++axis)
    same = same && std::abs(a.spacing[axis] - b.spacing[axis]) <= 1e-3 * b.spacing[axis];
  return same;
}

/// One volume on its way through the checks.
class VolumeCheck {
 public:
  VolumeCheck(const CohortEntry& entry, bool reorient) : entry_(entry), reorient_(reorient) {}

  VolumeFacts run() {
    auto image = read(entry_.image), mask = read(entry_.mask), lesion = read(entry_.lesion);
    if (!image) return std::move(facts_);
    facts_.grid = grid_of(*image);
    const auto axes = image->directions;
    if (!orient(*image, entry_.image)) return std::move(facts_);
    fit(mask, entry_.mask, *image, axes);
    fit(lesion, entry_.lesion, *image, axes);
    if (!entry_.mask.empty() && !mask) return std::move(facts_);  // of a broken mask, nothing is concluded
    check_brain(image->voxels, mask ? &mask->voxels : nullptr);
    if (lesion) check_lesion(lesion->voxels, image->voxels, mask ? &mask->voxels : nullptr);
    return std::move(facts_);
  }

 private:
  void add(Check check, bool is_error, std::string text) {
    facts_.findings.push_back({check, is_error, std::move(text), {}, {}});
  }

  /// @return nothing for no path, too
  std::optional<NiftiVolume> read(const fs::path& path) {
    if (path.empty()) return std::nullopt;
    try {
      auto volume = read_nifti(path);
      if (volume.forms_disagree)
        add(Check::left_right, true,
            fmt::format("{}: its sform and qform are mirror images of each other", path.string()));
      return volume;
    } catch (const NotFiniteError& problem) {
      add(Check::not_finite, true, problem.what());
    } catch (const DataError& problem) {
      add(Check::unreadable, true, problem.what());
    }
    return std::nullopt;
  }

  /// @return whether the volume can be oriented as the preparation does
  bool orient(NiftiVolume& volume, const fs::path& path) {
    if (!reorient_) return true;
    if (volume.directions)
      volume = to_lps(volume);
    else
      add(Check::no_orientation, true, fmt::format("{}: has neither sform nor qform", path.string()));
    return volume.directions.has_value();
  }

  /// Brings a mask or lesion onto the image's grid; leaves nothing of one that does not fit.
  /// @param axes  of the image's file
  void fit(std::optional<NiftiVolume>& labels, const fs::path& path, const NiftiVolume& image,
           const std::optional<std::array<AxisDirection, 3>>& axes) {
    if (!labels) return;
    if (labels->directions && axes && labels->directions != axes)
      add(Check::left_right, !reorient_,
          fmt::format("{} has the axes {}, its image {} the axes {}{}", path.string(),
                      name_of_axes(labels->directions), entry_.image.string(), name_of_axes(axes),
                      reorient_ ? "" : "; data.reorient=false takes them for the same"));
    if (!orient(*labels, path)) {
      labels.reset();
    } else if (!same_grid(*labels, image)) {
      add(Check::other_grid, true,
          fmt::format("{} has {}, its image {} has {}", path.string(), grid_of(*labels),
                      entry_.image.string(), grid_of(image)));
      labels.reset();
    } else if (const double apart = reorient_ ? corner_distance(image, *labels) : 0.0;
               apart > max_corner_distance) {
      add(Check::other_grid, true,
          fmt::format("{} lies elsewhere than its image {}: corners of their grids are up to {:.1f} voxels "
                      "apart",
                      path.string(), entry_.image.string(), apart));
      labels.reset();
    }
  }

  /// @param mask  null: the brain is where the image is not 0
  void check_brain(const Grid<float>& image, const Grid<float>* mask) {
    std::size_t brain = 0, not_zero = 0, not_zero_brain = 0;
    float lowest = 0.0f, highest = 0.0f;
    for (std::size_t i = 0; i < image.values.size(); ++i) {
      const float value = image.values[i];
      not_zero += value != 0.0f;
      if (mask != nullptr ? !is_set(mask->values[i]) : value == 0.0f) continue;
      lowest = brain == 0 ? value : std::min(lowest, value);
      highest = brain == 0 ? value : std::max(highest, value);
      ++brain;
      not_zero_brain += value != 0.0f;
    }
    const std::string name = (mask != nullptr ? entry_.mask : entry_.image).string();
    if (brain == 0) {
      add(Check::empty_mask, true,
          mask != nullptr ? fmt::format("{}: has no voxel of 0.5 or more", name)
                          : fmt::format("{}: is 0 everywhere, and there is no mask", name));
      return;
    }
    if (lowest == highest)
      add(Check::constant, true, fmt::format("{}: {} in the whole brain", entry_.image.string(), lowest));
    if (mask == nullptr || not_zero == 0) return;
    const MirrorScores dice = mirror_scores(*mask, image);
    const double share = static_cast<double>(not_zero_brain) / static_cast<double>(brain);
    if (dice.mirrored > dice.as_it_is + max_mirror_gain)
      add(Check::left_right, true,
          fmt::format("{}: its Dice with the voxels of {} that are not 0 is {:.3f}, but {:.3f} when mirrored "
                      "in x",
                      name, entry_.image.string(), dice.as_it_is, dice.mirrored));
    else if (share < min_mask_share)
      add(Check::mask_off_image, true,
          fmt::format("{}: only {:.1f} % of it lies where {} is not 0", name, 100.0 * share,
                      entry_.image.string()));
  }

  void check_lesion(const Grid<float>& lesion, const Grid<float>& image, const Grid<float>* mask) {
    std::size_t total = 0, outside = 0;
    for (std::size_t i = 0; i < lesion.values.size(); ++i) {
      if (!is_lesion(lesion.values[i])) continue;
      ++total;
      outside += mask != nullptr ? !is_set(mask->values[i]) : image.values[i] == 0.0f;
    }
    if (outside == 0) return;
    const double share = static_cast<double>(outside) / static_cast<double>(total);
    add(Check::lesion_off_brain, share > max_lesion_share_outside,
        fmt::format("{}: {} of {} lesion voxels ({:.1f} %) lie outside the brain mask",
                    entry_.lesion.string(), outside, total, 100.0 * share));
  }

  bool is_lesion(float label) const {
    const auto& labels = entry_.lesion_labels;
    if (labels.empty()) return is_set(label);
    return std::find(labels.begin(), labels.end(), std::llround(label)) != labels.end();
  }

  const CohortEntry& entry_;
  bool reorient_;
  VolumeFacts facts_;
};

}  // namespace

MirrorScores mirror_scores(const Grid<float>& mask, const Grid<float>& image) {
  std::size_t both = 0, both_mirrored = 0, total = 0;
  const auto& size = image.size;
  for (std::int64_t x = 0; x < size[0]; ++x)
    for (std::int64_t y = 0; y < size[1]; ++y)
      for (std::int64_t z = 0; z < size[2]; ++z) {
        const bool is_image = image.at(x, y, z) != 0.0f;
        const bool is_mask = is_set(mask.at(x, y, z));
        both += is_image && is_mask;
        both_mirrored += is_image && is_set(mask.at(size[0] - 1 - x, y, z));
        total += static_cast<std::size_t>(is_image) + static_cast<std::size_t>(is_mask);
      }
  if (total == 0) return {};
  return {2.0 * static_cast<double>(both) / static_cast<double>(total),
          2.0 * static_cast<double>(both_mirrored) / static_cast<double>(total)};
}

VolumeFacts check_volume(const CohortEntry& entry, bool reorient, SourceDigests& digests) {
  if (entry.image.empty()) return {};
  VolumeFacts facts = VolumeCheck(entry, reorient).run();
  try {
    facts.digest = digests.of(entry.image);
  } catch (const DataError&) {  // was found above
  }
  return facts;
}

}  // namespace gyrus
