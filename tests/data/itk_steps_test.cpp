// The steps n4 and register on made brains whose bias field and place are known.
#include "data/source/itk_steps.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/dataset.hpp"
#include "data/in_threads.hpp"
#include "data/prepare/prepare.hpp"
#include "data/source/nifti.hpp"
#include "data/source/preprocess.hpp"
#include "data/source/steps.hpp"
#include "tests/data/prepared.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;
using Point = std::array<double, 3>;

/// What is at a place of the patient.
struct Scene {
  double image = 0.0;
  bool is_brain = false, is_lesion = false;
};

/// About 0 outside of an ellipsoid and 1 inside, over an edge of some millimetres.
double inside(const Point& at, const Point& centre, const Point& radii) {
  double squared = 0.0;
  for (int axis = 0; axis < 3; ++axis) squared += std::pow((at[axis] - centre[axis]) / radii[axis], 2);
  return 1.0 / (1.0 + std::exp((std::sqrt(squared) - 1.0) * 15.0));
}

/// A head without symmetry: grey around white, a dark ventricle, a bright knot; a lesion that is not to be
/// seen.
Scene head(const Point& at) {
  const double brain = inside(at, {0, 0, 0}, {60, 75, 55});
  double image = 80.0 + 40.0 * inside(at, {4, -3, 2}, {40, 52, 38});
  image -= 80.0 * inside(at, {10, 5, 8}, {9, 24, 12});
  image += 60.0 * inside(at, {-28, 25, 15}, {14, 12, 13});
  return {brain * image, brain > 0.5, inside(at, {24, -30, 10}, {14, 14, 14}) > 0.5};
}

Point led_by(const Affine& affine, const Point& at) {
  Point result{};
  for (int row = 0; row < 3; ++row)
    result[row] = affine[row][0] * at[0] + affine[row][1] * at[1] + affine[row][2] * at[2] + affine[row][3];
  return result;
}

template <class Function>
Triple made(std::array<std::int64_t, 3> size, const Point& spacing, const Function& scene) {
  Triple triple{Grid<float>(size), Grid<std::uint8_t>(size), Grid<std::uint8_t>(size), spacing, {}};
  for (int axis = 0; axis < 3; ++axis) {
    const double step = axis == 2 ? spacing[axis] : -spacing[axis];
    triple.affine[axis][axis] = step;
    triple.affine[axis][3] = -0.5 * step * static_cast<double>(size[axis] - 1);
  }
  for (std::int64_t x = 0; x < size[0]; ++x) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t z = 0; z < size[2]; ++z) {
        const Point voxel = {static_cast<double>(x), static_cast<double>(y), static_cast<double>(z)};
        const Scene at = scene(led_by(triple.affine, voxel));
        triple.image.at(x, y, z) = static_cast<float>(at.image);
        triple.mask.at(x, y, z) = at.is_brain;
        triple.lesion.at(x, y, z) = at.is_lesion;
      }
    }
  }
  return triple;
}

void write_image(const std::filesystem::path& path, const Triple& triple) {
  test::NiftiFile file;
  const auto& size = triple.image.size;
  for (int axis = 0; axis < 3; ++axis) {
    file.shape[axis] = static_cast<std::int16_t>(size[axis]);
    file.spacing[axis] = static_cast<float>(triple.spacing[axis]);
    for (int column = 0; column < 4; ++column)
      file.affine[axis * 4 + column] = static_cast<float>(triple.affine[axis][column]);
  }
  std::vector<float> voxels;
  for (std::int64_t z = 0; z < size[2]; ++z)
    for (std::int64_t y = 0; y < size[1]; ++y)
      for (std::int64_t x = 0; x < size[0]; ++x) voxels.push_back(triple.image.at(x, y, z));
  file.set_voxels(voxels);
  file.write(path);
}

double dice(const Grid<std::uint8_t>& a, const Grid<std::uint8_t>& b) {
  double both = 0.0, sum = 0.0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    both += a.values[i] != 0 && b.values[i] != 0;
    sum += (a.values[i] != 0) + (b.values[i] != 0);
  }
  return 2.0 * both / sum;
}

/// Two tissues in an ellipsoid, the inner one being the lesion label, times a field of the brightness.
Scene biased_brain(const Point& at) {
  const Point u = {at[0] / 60.0, at[1] / 75.0, at[2] / 55.0};
  const double radius = std::hypot(u[0], u[1], u[2]);
  const double field = std::exp(0.35 * u[0] + 0.25 * u[1] * u[2] - 0.3 * u[2] * u[2]);
  const bool is_white = radius < 0.7;
  return {radius < 1.0 ? field * (is_white ? 120.0 : 70.0) : 0.0, radius < 1.0, is_white};
}

struct Variation {
  double white, grey;
};

/// Standard deviation over mean in each tissue of a biased brain, voxels that are 0 left out.
Variation variation(const Triple& triple) {
  double n[2] = {}, sum[2] = {}, squares[2] = {};
  for (std::size_t i = 0; i < triple.image.values.size(); ++i) {
    const double value = triple.image.values[i];
    if (triple.mask.values[i] == 0 || value < 1.0) continue;
    const int tissue = triple.lesion.values[i];
    n[tissue] += 1.0;
    sum[tissue] += value;
    squares[tissue] += value * value;
  }
  const auto of = [&](int i) {
    const double mean = sum[i] / n[i];
    return std::sqrt(squares[i] / n[i] - mean * mean) / mean;
  };
  return {of(1), of(0)};
}

DataOptions n4_options() {
  DataOptions options;
  options.clip = false;
  options.n4.shrink = 2;
  return options;
}

const std::array<std::int64_t, 3> biased_size = {44, 52, 40};

TEST(N4, TakesTheFieldOutOfBothTissues) {
  auto triple = made(biased_size, {3, 3, 3}, biased_brain);
  const auto before = variation(triple);
  const auto affine = triple.affine;
  ASSERT_GT(before.white, 0.1);
  ASSERT_GT(before.grey, 0.15);
  run_steps({"n4"}, n4_options(), "v", triple);
  const auto after = variation(triple);
  EXPECT_LT(after.white, before.white / 4.0);
  EXPECT_LT(after.grey, before.grey / 4.0);
  EXPECT_EQ(triple.affine, affine);
  EXPECT_EQ(triple.image.at(0, 0, 0), 0.0f);
}

TEST(N4, DarkVoxelsInTheMaskDoNotSpoilTheField) {
  auto triple = made(biased_size, {3, 3, 3}, biased_brain);
  const auto before = variation(triple);
  for (std::size_t i = 0; i < triple.image.values.size(); i += 9) triple.image.values[i] = 0.0f;
  for (std::size_t i = 4; i < triple.image.values.size(); i += 11) triple.image.values[i] = -1e-4f;
  for (std::size_t i = 5; i < triple.image.values.size(); i += 13) triple.image.values[i] *= 1e-7f;
  run_steps({"n4"}, n4_options(), "v", triple);
  const auto after = variation(triple);
  EXPECT_LT(after.white, before.white / 4.0);
  EXPECT_LT(after.grey, before.grey / 4.0);
}

TEST(N4, FewerIterationsFindLessOfTheField) {
  auto options = n4_options();
  auto whole = made(biased_size, {3, 3, 3}, biased_brain), less = whole;
  run_steps({"n4"}, options, "v", whole);
  options.n4.iterations = {1};
  run_steps({"n4"}, options, "v", less);
  EXPECT_GT(variation(less).grey, 1.5 * variation(whole).grey);
}

TEST(N4, BrainsWithoutContrastAreErrors) {
  const auto error = [](float inside_brain) {
    auto triple = made({12, 12, 12}, {3, 3, 3}, [&](const Point&) {
      return Scene{inside_brain, true, false};
    });
    return error_of<DataError>([&] { run_steps({"n4"}, n4_options(), "v", triple); });
  };
  EXPECT_THAT(error(7.0f), HasSubstr("v: the step n4 finds no two intensities in the brain with "
                                     "data.n4.shrink=2; give a smaller one, or leave"));
  EXPECT_EQ(error(-7.0f), "v: the step n4 needs intensities above 0, but the median of the brain is -7");
}

TEST(N4, ThinVolumesAreErrors) {
  auto triple = made({12, 12, 3}, {5, 5, 5}, biased_brain);
  EXPECT_EQ(
      error_of<DataError>([&] { run_steps({"n4"}, n4_options(), "v", triple); }),
      "v: the step n4 needs 4 voxels or more along each axis with data.n4.shrink=2, but there are 12x12x3");
  triple = made({12, 12, 4}, {5, 5, 5}, biased_brain);
  EXPECT_NO_THROW(run_steps({"n4"}, n4_options(), "v", triple));
}

/// A small rotation about a slanted axis, a scale of its own along each axis, and a shift of 13 mm.
Affine known_map() {
  const double angle = 8.0 * std::numbers::pi / 180.0, c = std::cos(angle), s = std::sin(angle);
  const Point axis = {2.0 / 3.0, -1.0 / 3.0, 2.0 / 3.0}, scale = {1.08, 0.95, 1.05}, shift = {9, -7, 6};
  Affine map{};
  for (int row = 0; row < 3; ++row) {
    for (int column = 0; column < 3; ++column) {
      const int next = (row + 1) % 3;
      const double cross = row == column ? 0.0 : axis[3 - row - column] * (column == next ? -s : s);
      map[row][column] =
          scale[column] * (axis[row] * axis[column] * (1.0 - c) + cross + (row == column ? c : 0.0));
    }
    map[row][3] = shift[row];
  }
  return map;
}

/// A template, and the same head elsewhere, darker, on a grid of its own.
class Register : public testing::Test {
 protected:
  Register() {
    options_.clip = false;
    options_.registration.template_file = (scratch_ / "template.nii").string();
    write_image(options_.registration.template_file, template_);
  }
  static Triple moved() {
    const Affine map = known_map();  // from mm of the moved head to mm of the template
    return made({44, 46, 40}, {3.8, 4.0, 4.2}, [&](const Point& at) {
      auto scene = head(led_by(map, at));
      scene.image = 0.3 * scene.image;
      return scene;
    });
  }
  /// Few voxels, for what does not depend on how well they are registered.
  static Triple small() { return made({18, 20, 16}, {9, 9, 9}, head); }
  Triple registered(Triple triple) const {
    run_steps({"register"}, options_, "v", triple);
    return triple;
  }

  test::Scratch scratch_;
  const Triple template_ = made({40, 48, 36}, {4, 4, 4}, head);
  DataOptions options_;
};

TEST_F(Register, FindsAKnownAffineAndBringsLabelsAlong) {
  const auto triple = moved();
  const GridPlace onto{template_.image.size, template_.affine};
  const Affine here = {{{1, 0, 0, 0}, {0, 1, 0, 0}, {0, 0, 1, 0}}};
  const double mask_before =
      dice(warp_labels(triple.mask, triple.affine, here, onto, Interpolation::nearest), template_.mask);
  const double lesion_before =
      dice(warp_labels(triple.lesion, triple.affine, here, onto, Interpolation::nearest), template_.lesion);
  const auto result = registered(triple);
  EXPECT_GT(dice(result.mask, template_.mask), 0.95);
  EXPECT_GT(dice(result.mask, template_.mask), mask_before + 0.05);
  EXPECT_GT(dice(result.lesion, template_.lesion), 0.85);
  EXPECT_GT(dice(result.lesion, template_.lesion), lesion_before + 0.3);
  EXPECT_EQ(result.image.size, template_.image.size);
  EXPECT_EQ(result.mask.size, template_.image.size);
  EXPECT_EQ(result.spacing, template_.spacing);
  EXPECT_EQ(result.affine, template_.affine);
}

TEST_F(Register, TheMapLeadsFromTheTemplateToTheImage) {
  const auto triple = moved();
  const std::string name = "v";
  const auto found =
      find_affine({template_.image, template_.affine, name}, {triple.image, triple.affine, name});
  for (const Point& at : {Point{40, 0, 0}, Point{0, -50, 0}, Point{-20, 20, 30}}) {
    const Point back = led_by(known_map(), led_by(found, at));
    for (int axis = 0; axis < 3; ++axis) EXPECT_NEAR(back[axis], at[axis], 2.0);
  }
}

TEST_F(Register, OptionsSayHowVoxelsAreInterpolated) {
  const auto nearest = registered(small());
  options_.resample.labels = "linear";
  options_.registration.interpolation = "bspline";
  const auto other = registered(small());
  const auto count = [](const auto& labels) {
    return std::count(labels.values.begin(), labels.values.end(), 1);
  };
  EXPECT_GT(count(other.lesion), count(nearest.lesion) * 5 / 4);
  const auto largest = [](const Triple& triple) {
    return *std::max_element(triple.image.values.begin(), triple.image.values.end());
  };
  EXPECT_GT(largest(other), largest(nearest));  // linear interpolation blunts peaks
}

TEST_F(Register, ResultsDoNotDependOnThreads) {
  const auto all = [&](std::size_t num_threads) {
    std::vector<Triple> triples(3, small());
    triples[1].image.at(3, 3, 3) = 20.0f;
    options_.n4.shrink = 1;
    options_.n4.iterations = {5, 5};
    in_threads(triples.size(), num_threads, [&](std::size_t i) {
      run_steps({"register", "n4"}, options_, "v", triples[i]);
    });
    return triples;
  };
  const auto one = all(1), two = all(2);
  for (std::size_t i = 0; i < one.size(); ++i) {
    EXPECT_EQ(one[i].image.values, two[i].image.values);
    EXPECT_EQ(one[i].lesion.values, two[i].lesion.values);
  }
  EXPECT_EQ(one[0].image.values, one[2].image.values);
  EXPECT_NE(one[0].image.values, one[1].image.values);
}

TEST_F(Register, ItkStartsNoThreadsOfItsOwn) {
  ::setenv("ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS", "3", 1);
  const auto num_threads = [] {
    return std::distance(std::filesystem::directory_iterator("/proc/self/task"), {});
  };
  const auto before = num_threads();
  auto triple = small();
  options_.n4.shrink = 1;
  options_.n4.iterations = {1};
  run_steps({"register", "n4"}, options_, "v", triple);
  EXPECT_EQ(num_threads(), before);
}

TEST_F(Register, WhatCannotBeRegisteredIsNamed) {
  auto dark = moved();
  std::fill(dark.image.values.begin(), dark.image.values.end(), 0.0f);
  EXPECT_THAT(error_of<DataError>([&] { registered(dark); }),
              HasSubstr("v: cannot be registered to " + options_.registration.template_file + ": "));
  auto flat = moved();
  for (auto& row : flat.affine) row[1] = row[0];
  EXPECT_EQ(error_of<DataError>([&] { registered(flat); }),
            "v: its affine has no inverse, so that its place for the step register is unknown");
  std::filesystem::remove(options_.registration.template_file);
  EXPECT_THAT(error_of<DataError>([&] { registered(moved()); }), HasSubstr("template.nii does not exist"));
}

TEST_F(Register, AnotherTemplateMakesEveryShardAnew) {
  log::configure(1, true);
  write_image(scratch_ / "s.nii", small());
  options_.root = (scratch_ / "set").string();
  options_.image_size = {40, 48, 36};
  options_.curvature_flow = false;
  options_.steps = {"register", "n4", "centre", "rescale"};
  options_.n4.shrink = 2;
  options_.n4.iterations = {5};
  options_.sources = {"a"};
  options_.source["a"].folder = scratch_.path().string();
  options_.source["a"].subjects = {"s"};
  options_.source["a"].set = "train";
  options_.source["a"].image = "{subject}.nii";
  EXPECT_TRUE(prepare_dataset(options_, test::world()));
  EXPECT_FALSE(prepare_dataset(options_, test::world()));
  const auto before = Dataset::open(options_).read_volume("train", 0).image;
  write_image(options_.registration.template_file, made({40, 48, 36}, {4, 4, 4}, [](Point at) {
                at[1] += 12.0;
                return head(at);
              }));
  EXPECT_TRUE(prepare_dataset(options_, test::world()));
  EXPECT_NE(Dataset::open(options_).read_volume("train", 0).image, before);
}

}  // namespace
}  // namespace gyrus
