// The steps of `data.steps`, each a function on the triple that keeps spacing and affine right.
#include "data/source/steps.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <tuple>
#include <utility>

#include "data/source/histogram.hpp"
#include "data/source/itk_steps.hpp"
#include "data/source/nifti.hpp"
#include "data/source/preprocess.hpp"
#include "data/source/resample.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr int num_flow_iterations = 3;
constexpr double flow_time_step = 0.125;

/// The same for image, mask and lesion.
template <class Function>
void on_each(Triple& triple, const Function& function) {
  triple.image = function(triple.image);
  triple.mask = function(triple.mask);
  triple.lesion = function(triple.lesion);
}

/// Moves voxel (0, 0, 0) by so many voxels along each axis.
void shift_origin(Affine& affine, const std::array<double, 3>& voxels) {
  for (auto& row : affine)
    for (int axis = 0; axis < 3; ++axis) row[3] += row[axis] * voxels[axis];
}

/// Makes voxels larger by these factors; the centre of voxel (0, 0, 0) stays.
void scale_voxels(Triple& triple, const std::array<double, 3>& factors) {
  for (int axis = 0; axis < 3; ++axis) {
    triple.spacing[axis] *= factors[axis];
    for (auto& row : triple.affine) row[axis] *= factors[axis];
  }
}

void cut_triple(Triple& triple, const std::array<std::int64_t, 3>& start,
                const std::array<std::int64_t, 3>& size) {
  shift_origin(triple.affine,
               {static_cast<double>(start[0]), static_cast<double>(start[1]), static_cast<double>(start[2])});
  on_each(triple, [&](const auto& grid) { return cut(grid, start, size); });
}

Interpolation labels_interpolation(const DataOptions& options) {
  return options.resample.labels == "linear" ? Interpolation::linear : Interpolation::nearest;
}

void resample_step(const DataOptions& options, const std::string& name, Triple& triple) {
  const std::array<double, 3> spacing = {options.resample.spacing[0], options.resample.spacing[1],
                                         options.resample.spacing[2]};
  const auto size = resampled_size(triple.image.size, triple.spacing, spacing);
  if (static_cast<double>(size[0]) * static_cast<double>(size[1]) * static_cast<double>(size[2]) >
      static_cast<double>(max_voxels)) {
    throw DataError(
        fmt::format("{}: would have {} voxels after resampling to data.resample.spacing={}; are its voxels "
                    "of {} mm right?",
                    name, fmt::join(size, "x"), spacing, fmt::join(triple.spacing, "x")));
  }
  const auto labels = labels_interpolation(options);
  const auto image = options.resample.interpolation == "bspline"   ? Interpolation::bspline
                     : options.resample.interpolation == "nearest" ? Interpolation::nearest
                                                                   : Interpolation::linear;
  triple.image = resample_image(triple.image, triple.spacing, spacing, image);
  triple.mask = resample_labels(triple.mask, triple.spacing, spacing, labels);
  triple.lesion = resample_labels(triple.lesion, triple.spacing, spacing, labels);
  scale_voxels(triple, {spacing[0] / triple.spacing[0], spacing[1] / triple.spacing[1],
                        spacing[2] / triple.spacing[2]});
  triple.spacing = spacing;
}

void strip_step(const DataOptions&, const std::string&, Triple& triple) {
  for (std::size_t i = 0; i < triple.image.values.size(); ++i)
    if (triple.mask.values[i] == 0) triple.image.values[i] = 0.0f;
}

void brain_box_step(const DataOptions& options, const std::string& name, Triple& triple) {
  const auto& mask = triple.mask;
  std::array<std::int64_t, 3> first = mask.size, end{};
  for (std::int64_t x = 0; x < mask.size[0]; ++x) {
    for (std::int64_t y = 0; y < mask.size[1]; ++y) {
      for (std::int64_t z = 0; z < mask.size[2]; ++z) {
        if (mask.at(x, y, z) == 0) continue;
        const std::array<std::int64_t, 3> at = {x, y, z};
        for (int axis = 0; axis < 3; ++axis) {
          first[axis] = std::min(first[axis], at[axis]);
          end[axis] = std::max(end[axis], at[axis] + 1);
        }
      }
    }
  }
  std::array<std::int64_t, 3> size{};
  for (int axis = 0; axis < 3; ++axis)
    size[axis] = end[axis] - first[axis] - (options.brain_box_inclusive ? 0 : 1);
  if (*std::min_element(size.begin(), size.end()) < 1)
    throw DataError(fmt::format("{}: no brain is left in its bounding box", name));
  cut_triple(triple, first, size);
}

void curvature_flow_step(const DataOptions& options, const std::string&, Triple& triple) {
  if (options.curvature_flow)
    triple.image =
        curvature_flow(std::move(triple.image), triple.spacing, num_flow_iterations, flow_time_step);
}

void n4_step(const DataOptions& options, const std::string& name, Triple& triple) {
  triple.image = correct_bias_field(triple.image, triple.mask, triple.spacing, options.n4, name);
}

void register_step(const DataOptions& options, const std::string& name, Triple& triple) {
  const auto fixed = read_nifti(options.registration.template_file, options.reorient);
  const GridPlace onto{fixed.voxels.size, fixed.affine};
  const auto found = find_affine({fixed.voxels, onto.affine, options.registration.template_file},
                                 {triple.image, triple.affine, name});
  const auto image =
      options.registration.interpolation == "bspline" ? Interpolation::bspline : Interpolation::linear;
  triple.image = warp_image(triple.image, triple.affine, found, onto, image);
  triple.mask = warp_labels(triple.mask, triple.affine, found, onto, labels_interpolation(options));
  triple.lesion = warp_labels(triple.lesion, triple.affine, found, onto, labels_interpolation(options));
  triple.spacing = fixed.spacing;
  triple.affine = fixed.affine;
}

void match_histogram_step(const DataOptions& options, const std::string&, Triple& triple) {
  const std::filesystem::path path = options.match_histogram.reference;
  const auto reference = read_nifti(path).voxels;
  const auto brain = nonzero(reference);
  if (is_empty(brain))
    throw DataError(fmt::format(
        "{}: every voxel is 0, so data.match_histogram.reference gives no intensities", path.string()));
  const auto percents = evenly_between(options.percentiles[0], options.percentiles[1],
                                       static_cast<std::size_t>(options.match_histogram.landmarks));
  const auto own = percentiles_inside(triple.image, triple.mask, percents);
  move_landmarks(triple.image, triple.mask, own, percentiles_inside(reference, brain, percents));
}

void centre_step(const DataOptions& options, const std::string&, Triple& triple) {
  std::array<std::int64_t, 3> size{}, start{};
  for (int axis = 0; axis < 3; ++axis) {
    size[axis] = options.image_size[axis] * options.downsample;
    start[axis] = crop_start(triple.image.size[axis], size[axis]);
  }
  cut_triple(triple, start, size);
}

void rescale_step(const DataOptions& options, const std::string& name, Triple& triple) {
  const auto [low, high] =
      masked_percentiles(triple.image, triple.mask, options.percentiles[0], options.percentiles[1]);
  if (!(low < high) || !rescale_intensities(triple.image, low, high))
    throw DataError(fmt::format("{}: the brain has one and the same intensity everywhere", name));
}

void downsample_step(const DataOptions& options, const std::string&, Triple& triple) {
  for (std::int64_t factor = options.downsample; factor > 1; factor /= 2) {
    triple.image = downsample_image(triple.image);
    triple.mask = downsample_labels(triple.mask);
    triple.lesion = downsample_labels(triple.lesion);
    shift_origin(triple.affine, {0.5, 0.5, 0.5});
    scale_voxels(triple, {2.0, 2.0, 2.0});
  }
}

struct Step {
  const char* name;
  void (*run)(const DataOptions&, const std::string&, Triple&);
};

constexpr Step all_steps[] = {{"resample", resample_step},
                              {"strip", strip_step},
                              {"register", register_step},
                              {"brain_box", brain_box_step},
                              {"n4", n4_step},
                              {"curvature_flow", curvature_flow_step},
                              {"match_histogram", match_histogram_step},
                              {"centre", centre_step},
                              {"rescale", rescale_step},
                              {"downsample", downsample_step}};

/// `first` must be done before `second`.
struct Order {
  const char *first, *second, *why;
};

constexpr Order orders[] = {
    {"resample", "centre", "centre brings volumes to the size that they have at the end"},
    {"register", "centre", "centre brings volumes to the size that they have at the end"},
    {"brain_box", "centre", "centre brings volumes to the size that they have at the end"},
    {"n4", "rescale", "n4 takes logarithms, and rescale makes dark voxels 0"},
    {"match_histogram", "rescale", "rescale makes the reference's intensities to [0, 1]"},
    {"centre", "downsample", "centre makes the even size that is halved"}};

}  // namespace

std::vector<std::string> step_names() {
  std::vector<std::string> names;
  for (const auto& step : all_steps) names.emplace_back(step.name);
  return names;
}

void check_steps(const DataOptions& options) {
  const auto& steps = options.steps;
  const auto place = [&](const std::string& step) { return std::find(steps.begin(), steps.end(), step); };
  const auto fail = [&](const std::string& what) {
    throw ConfigError(fmt::format("data.steps is [{}]: {}", fmt::join(steps, ", "), what));
  };
  for (const auto& step : step_names())
    if (std::count(steps.begin(), steps.end(), step) > 1) fail(step + " is there twice");
  for (const char* needed : {"centre", "rescale"})
    if (place(needed) == steps.end())
      fail(fmt::format(
          "{} is missing; every volume is brought to data.image_size by centre and to [0, 1] by rescale",
          needed));
  for (const auto& [first, second, why] : orders)
    if (place(first) != steps.end() && place(second) < place(first))
      fail(fmt::format("{} must come before {}: {}", first, second, why));
  if (options.curvature_flow && place("curvature_flow") == steps.end())
    fail("it has no place for curvature_flow; add it, or give data.curvature_flow=false");
  if (options.downsample > 1 && place("downsample") == steps.end())
    fail(fmt::format("it has no place for downsample, but data.downsample is {}", options.downsample));
  if (place("match_histogram") != steps.end() && options.match_histogram.reference.empty())
    fail("match_histogram needs data.match_histogram.reference, a NIfTI file");
  if (place("register") != steps.end() && options.registration.template_file.empty())
    fail("register needs data.register.template, a NIfTI file");
  const std::tuple<const char*, const char*, bool> settings[] = {
      {"resample", "resample.spacing", options.resample.spacing != ResampleOptions{}.spacing},
      {"n4", "n4.iterations", options.n4.iterations != N4Options{}.iterations},
      {"n4", "n4.shrink", options.n4.shrink != N4Options{}.shrink},
      {"register", "register.template", !options.registration.template_file.empty()},
      {"match_histogram", "match_histogram.reference", !options.match_histogram.reference.empty()}};
  for (const auto& [step, option, is_set] : settings)
    if (is_set && place(step) == steps.end())
      fail(fmt::format("data.{} is set, but no step {} is there to use it", option, step));
}

void check_steps_are_built(const DataOptions& options) {
  if (options.kind != "nifti") return;
  for (const auto& step : options.steps)
    if (step == "n4" || step == "register") check_itk_is_built(step);
}

void run_steps(const std::vector<std::string>& steps, const DataOptions& options, const std::string& name,
               Triple& triple) {
  for (const auto& wanted : steps) {
    const auto* step =
        std::find_if(std::begin(all_steps), std::end(all_steps), [&](auto& s) { return s.name == wanted; });
    require(step != std::end(all_steps), "steps have known names");
    step->run(options, name, triple);
    if (is_empty(triple.mask)) {
      throw DataError(fmt::format("{}: no brain is left after {} to {} voxels", name,
                                  wanted == "centre" ? "cropping" : wanted,
                                  fmt::join(triple.mask.size, "x")));
    }
  }
  if (!options.clip) return;
  for (float& value : triple.image.values) value = std::clamp(value, 0.0f, 1.0f);
}

}  // namespace gyrus
