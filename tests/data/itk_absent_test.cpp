// What a build without ITK says when data.steps needs it; with ITK, itk_steps_test.cpp stands here.
#include <gmock/gmock.h>

#include "data/prepare/prepare.hpp"
#include "data/source/itk_steps.hpp"
#include "data/source/steps.hpp"
#include "tests/data/prepared.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::HasSubstr;

std::string lacks(const std::string& step) {
  return "data.steps has " + step +
         ", which this build lacks: configure with -DGYRUS_ITK=ON (cmake --preset itk; package "
         "libinsighttoolkit5-dev)";
}

DataOptions options_with(const std::string& step, const std::filesystem::path& folder) {
  DataOptions options;
  options.root = (folder / "set").string();
  options.image_size = {8, 8, 8};
  options.curvature_flow = false;
  options.steps = {step, "centre", "rescale"};
  if (step == "register") options.registration.template_file = (folder / "template.nii").string();
  options.sources = {"a"};
  options.source["a"].folder = folder.string();
  options.source["a"].subjects = {"s"};
  options.source["a"].set = "train";
  options.source["a"].image = "{subject}.nii";
  return options;
}

TEST(WithoutItk, PrepareSaysWhatTheStepNeedsBeforeItLooksForVolumes) {
  const test::Scratch scratch;
  for (const std::string step : {"n4", "register"}) {
    const auto options = options_with(step, scratch.path());  // there is no s.nii, no template
    EXPECT_NO_THROW(options.validate());                      // so that others may train on what is prepared
    EXPECT_EQ(error_of<NotBuiltError>([&] { check_steps_are_built(options); }), lacks(step));
    EXPECT_THAT(error_of<Error>([&] { prepare_dataset(options, test::world()); }), HasSubstr(lacks(step)));
    EXPECT_FALSE(std::filesystem::exists(options.root));
  }
}

TEST(WithoutItk, AGeneratedDataSetNeedsNoSteps) {
  auto options = test::small_phantom("r");
  options.steps = {"n4", "centre", "rescale"};
  EXPECT_NO_THROW(check_steps_are_built(options));
}

TEST(WithoutItk, NoStepIsDoneInAnotherWay) {
  const Grid<float> image({2, 2, 2}, 1.0f);
  const Grid<std::uint8_t> mask({2, 2, 2}, 1);
  const std::string name = "v";
  const Affine affine{};
  const auto error = [](const auto& action) { return error_of<NotBuiltError>(action); };
  EXPECT_EQ(error([&] { correct_bias_field(image, mask, {1, 1, 1}, {}, name); }), lacks("n4"));
  EXPECT_EQ(error([&] { find_affine({image, affine, name}, {image, affine, name}); }), lacks("register"));
  EXPECT_EQ(error([&] { warp_image(image, affine, affine, {}, Interpolation::linear); }), lacks("register"));
  EXPECT_EQ(error([&] { warp_labels(mask, affine, affine, {}, Interpolation::nearest); }), lacks("register"));
}

}  // namespace
}  // namespace gyrus
