// From a listed volume to slices: what `data/source/cohort.hpp` promises of make_volume.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "data/source/cohort.hpp"
#include "data/source/nifti.hpp"
#include "data/source/phantom.hpp"
#include "data/source/preprocess.hpp"
#include "data/source/steps.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

const std::vector<std::string> phantom_steps = {"centre", "rescale", "downsample"};
constexpr double phantom_box_mm = 192.0;  // the box's width stands for a head of usual size

/// Reads a mask or label and checks that it lies on the image's grid. 1 for `values`, or for all but 0 when
/// there are none.
Grid<std::uint8_t> read_labels(const std::filesystem::path& path, const NiftiVolume& image,
                               const std::filesystem::path& image_path, bool reorient,
                               const std::vector<std::int64_t>& values = {}) {
  const auto labels = read_nifti(path, reorient);
  if (labels.voxels.size != image.voxels.size) {
    throw DataError(fmt::format("{} has {} voxels, but its image {} has {}", path.string(),
                                fmt::join(labels.voxels.size, "x"), image_path.string(),
                                fmt::join(image.voxels.size, "x")));
  }
  for (int axis = 0; axis < 3; ++axis) {
    if (std::abs(labels.spacing[axis] - image.spacing[axis]) > 1e-3 * image.spacing[axis]) {
      throw DataError(fmt::format("{} has voxels of {} mm, but its image {} of {} mm", path.string(),
                                  fmt::join(labels.spacing, "x"), image_path.string(),
                                  fmt::join(image.spacing, "x")));
    }
  }
  // Without reorientation the arrays belong together as they are.
  if (const double apart = reorient ? corner_distance(image, labels) : 0.0; apart > max_corner_distance)
    throw DataError(fmt::format(
        "{} lies elsewhere than its image {}: corners of their grids are up to {:.1f} voxels apart; bring it "
        "onto the image's grid, or set data.reorient=false if the arrays of all files fit as they are",
        path.string(), image_path.string(), apart));
  Grid<std::uint8_t> result(labels.voxels.size);
  std::transform(labels.voxels.values.begin(), labels.voxels.values.end(), result.values.begin(),
                 [&](float value) {
                   if (values.empty()) return value >= 0.5f;
                   return std::find(values.begin(), values.end(), std::llround(value)) != values.end();
                 });
  return result;
}

Triple read_triple(const DataOptions& options, const CohortEntry& entry) {
  auto volume = read_nifti(entry.image, options.reorient);
  Triple triple;
  triple.spacing = volume.spacing;
  triple.affine = volume.affine;
  if (entry.mask.empty()) {
    triple.mask = nonzero(volume.voxels);
  } else {
    triple.mask = read_labels(entry.mask, volume, entry.image, options.reorient);
  }
  if (is_empty(triple.mask)) {
    throw DataError(
        fmt::format("{}: the brain mask is empty", (entry.mask.empty() ? entry.image : entry.mask).string()));
  }
  triple.lesion = entry.lesion.empty()
                      ? Grid<std::uint8_t>(volume.voxels.size)
                      : read_labels(entry.lesion, volume, entry.image, options.reorient, entry.lesion_labels);
  triple.image = std::move(volume.voxels);
  return triple;
}

Triple generate_triple(const DataOptions& options, const CohortEntry& entry) {
  const std::array<std::int64_t, 3> size = {options.image_size[0] * options.downsample,
                                            options.image_size[1] * options.downsample,
                                            options.image_size[2] * options.downsample};
  const auto set = entry.set == "train" ? PhantomSet::train
                   : entry.set == "val" ? PhantomSet::val
                                        : PhantomSet::test;
  auto brain =
      make_phantom(size, static_cast<std::uint64_t>(options.phantom.seed), set, entry.phantom_subject);
  Triple triple{std::move(brain.image), std::move(brain.mask), std::move(brain.lesion), {}, {}};
  for (int axis = 0; axis < 3; ++axis) {
    const double spacing = phantom_box_mm / static_cast<double>(size[0]);
    const double step = axis == 2 ? spacing : -spacing;  // x to Left, y to Posterior
    triple.spacing[axis] = spacing;
    triple.affine[axis][axis] = step;
    triple.affine[axis][3] = -0.5 * step * static_cast<double>(size[axis] - 1);  // 0 is the centre
  }
  return triple;
}

template <class T>
std::vector<T> as_slices(const Grid<T>& grid) {
  std::vector<T> slices;
  slices.reserve(grid.values.size());
  for (std::int64_t z = 0; z < grid.size[2]; ++z) {
    for (std::int64_t x = 0; x < grid.size[0]; ++x) {
      for (std::int64_t y = 0; y < grid.size[1]; ++y) slices.push_back(grid.at(x, y, z));
    }
  }
  return slices;
}

}  // namespace

Volume make_volume(const DataOptions& options, const CohortEntry& entry) {
  const bool generated = options.kind == "phantom";
  auto triple = generated ? generate_triple(options, entry) : read_triple(options, entry);
  run_steps(generated ? phantom_steps : options.steps, options, generated ? entry.id : entry.image.string(),
            triple);
  return {.id = entry.id,
          .subject = entry.subject,
          .set = entry.set,
          .depth = triple.image.size[2],
          .height = triple.image.size[0],
          .width = triple.image.size[1],
          .image = as_slices(triple.image),
          .mask = as_slices(triple.mask),
          .lesion = as_slices(triple.lesion),
          .age = entry.age,
          .site = entry.site,
          .label = entry.label,
          .spacing = triple.spacing,
          .provenance = Provenance{triple.affine, {}}};
}

}  // namespace gyrus
