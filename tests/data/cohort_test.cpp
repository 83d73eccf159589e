#include "data/source/cohort.hpp"

#include <gmock/gmock.h>

#include <cmath>

#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using test::NiftiFile;
using test::Scratch;
using test::write_text;
using testing::AllOf;
using testing::HasSubstr;

/// A folder with a small cohort: split.csv, ages.csv and one NIfTI file per subject, each of 6x6x4 voxels.
class Cohort : public testing::Test {
 protected:
  void SetUp() override {
    write_text(scratch_ / "split.csv", "subject,split\nA,train\nB,val\nC,train\n");
    write_text(scratch_ / "ages.csv", "ID,Age\nA-T1,31.5\nC-T1,\n");
    for (const char* subject : {"A", "B", "C"}) image().write(scratch_ / (std::string(subject) + ".nii.gz"));
    options_.name = "made";
    options_.root = (scratch_ / "prepared").string();
    options_.image_size = {6, 6, 4};
    options_.sources = {"made"};
    auto& source = options_.source["made"];
    source.folder = scratch_.path().string();
    source.table = "split.csv";
    source.image = "{subject}.nii.gz";
  }
  SourceOptions& source() { return options_.source["made"]; }
  std::string listing_error() {
    return error_of<DataError>([&] { list_cohort(options_); });
  }
  std::string making_error() {
    return error_of<DataError>([&] { make_volume(options_, list_cohort(options_).front()); });
  }
  static NiftiFile image(float background = 0.0f) {
    NiftiFile file;
    file.shape = {6, 6, 4};
    std::vector<float> voxels(144, background);
    for (std::size_t i = 40; i < 100; ++i) voxels[i] = static_cast<float>(i);
    file.set_voxels(voxels);
    return file;
  }

  Scratch scratch_;
  DataOptions options_;
};

TEST_F(Cohort, SetsComeOneAfterTheOtherWithAgesWhereTheyAreKnown) {
  source().join = "ages.csv";
  source().join_key = "{subject}-T1";
  source().age = "{Age}";
  const auto entries = list_cohort(options_);
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].id, "A");
  EXPECT_EQ(entries[1].id, "C");
  EXPECT_EQ(entries[2].id, "B");
  EXPECT_EQ(entries[2].set, "val");
  EXPECT_EQ(entries[0].age, 31.5);
  EXPECT_TRUE(std::isnan(entries[1].age));
  EXPECT_TRUE(std::isnan(entries[2].age));
  EXPECT_EQ(entries[0].label, 0);
}

TEST_F(Cohort, EveryMissingColumnIsNamed) {
  source().image = "{volume}";
  source().lesion = "{lesion}";
  EXPECT_THAT(
      listing_error(),
      HasSubstr("lacks the columns volume, lesion that data.source.made needs; it has: subject, split"));
  source().image = "x";
  source().lesion = "";
  source().join = "ages.csv";
  source().join_key = "{subject}-T1";
  source().age = "{Years}";
  EXPECT_THAT(listing_error(),
              HasSubstr("lacks the columns Years that data.source.made needs; it has: subject, "
                        "split, ID, Age"));
}

TEST_F(Cohort, ASubjectListedTwiceIsRefusedWithBothLines) {
  write_text(scratch_ / "split.csv", "subject,split\nA,train\nB,val\nA,train\n");
  const auto text = listing_error();
  EXPECT_THAT(text, HasSubstr("A is listed twice in set train"));
  EXPECT_THAT(text, HasSubstr("line 2 and"));
  EXPECT_THAT(text, HasSubstr("line 4"));
}

TEST_F(Cohort, ASubjectInTwoSetsIsRefused) {
  write_text(scratch_ / "split.csv", "subject,split\nA,val\nB,val\nA,test\n");
  EXPECT_THAT(listing_error(),
              AllOf(HasSubstr("subject A is in two sets: val ("), HasSubstr("line 2) and test ("),
                    HasSubstr("line 4); list it in one, give data.leakage=drop, or")));
}

TEST_F(Cohort, ATrainingSubjectInTheLesionSetOfAnotherSourceIsRefused) {
  options_.sources.push_back("lesions");
  auto& lesions = options_.source["lesions"] = source();
  lesions.table.clear();
  lesions.subjects = {"C"};
  lesions.set = "lesions";
  EXPECT_THAT(listing_error(), AllOf(HasSubstr("subject C is in two sets: train ("),
                                     HasSubstr(" and lesions (subject C); list it in one")));
  lesions.subjects = {"B"};  // two evaluation sets may share subjects
  EXPECT_EQ(listing_error(), "");
}

TEST_F(Cohort, AMissingOrEmptyFolderIsNamed) {
  source().folder = (scratch_ / "nowhere").string();
  EXPECT_THAT(listing_error(), HasSubstr("nowhere is not a folder"));
  std::filesystem::create_directories(scratch_ / "empty");
  source().folder = (scratch_ / "empty").string();
  EXPECT_THAT(listing_error(), HasSubstr("empty is empty"));
  source().folder = (scratch_ / "M\xfcller").string();
  EXPECT_THAT(listing_error(),
              AllOf(HasSubstr("data.source.made.folder "),
                    HasSubstr("M\\xFCller is not in UTF-8: rename it, or lead a link there")));
}

TEST_F(Cohort, LinksThatLeadRoundInCirclesAreNamed) {
  const auto round = scratch_ / "round";
  std::filesystem::create_symlink(round, round);
  source().image = "round";
  EXPECT_THAT(making_error(), HasSubstr("round: Too many levels of symbolic links"));
  source().lesion = "round";  // is not absent
  source().optional = {"lesion"};
  EXPECT_EQ(list_cohort(options_).front().label, 1);
  source().table = "round";
  EXPECT_THAT(listing_error(), HasSubstr("round: Too many levels of symbolic links"));
  source().folder = round.string();
  EXPECT_THAT(listing_error(), HasSubstr("round is not a folder: Too many levels of symbolic links"));
}

TEST_F(Cohort, ASetNameThatCouldLeaveTheFolderIsRefused) {
  source().set = "../{split}";
  EXPECT_THAT(listing_error(), HasSubstr("gives the set name '../train'"));
  source().set = "Train";
  EXPECT_THAT(listing_error(), HasSubstr("gives the set name 'Train'; the set is called train"));
}

TEST_F(Cohort, ARowWithoutASubjectOrANameIsRefused) {
  write_text(scratch_ / "split.csv", "subject,split,name\nA,train,a\n,val,b\n");
  source().image = "A.nii.gz";
  EXPECT_THAT(
      listing_error(),
      HasSubstr("split.csv line 3 gives an empty subject: fill it in, or change data.source.made.subject"));
  write_text(scratch_ / "split.csv", "subject,split,name\nA,train,a\nB,val,\n");
  EXPECT_EQ(listing_error(), "");
  source().id = "{name}";
  EXPECT_THAT(listing_error(), HasSubstr("split.csv line 3 gives an empty id: fill it in, or change"));
}

TEST_F(Cohort, VolumesAreRescaledInsideTheBrainAndKeepTheirMask) {
  const auto volume = make_volume(options_, list_cohort(options_).front());
  EXPECT_EQ(volume.depth, 4);
  EXPECT_EQ(volume.image.size(), 144u);
  EXPECT_EQ(*std::max_element(volume.image.begin(), volume.image.end()), 1.0f);
  EXPECT_EQ(*std::min_element(volume.image.begin(), volume.image.end()), 0.0f);
  EXPECT_EQ(std::count(volume.mask.begin(), volume.mask.end(), 1), 60);
  EXPECT_EQ(std::count(volume.lesion.begin(), volume.lesion.end(), 0), 144);
}

TEST_F(Cohort, RowsOfASliceAreTheVolumesXAndColumnsItsY) {
  options_.curvature_flow = false;
  options_.percentiles = {0, 100};
  const auto volume = make_volume(options_, list_cohort(options_).front());
  // Voxel (x, y, z) of the file has number x + 6 (y + 6 z); (4, 3, 2) has 94 of 40..99, in LPS order already.
  const float background_to_one = 99.0f;
  EXPECT_NEAR(volume.image[(2 * 6 + 4) * 6 + 3], (94.0f - 40.0f) / (background_to_one - 40.0f), 1e-6);
}

TEST_F(Cohort, AMaskOfAnotherShapeIsRefusedWithBothShapes) {
  auto mask = image();
  mask.shape = {6, 4, 6};
  mask.write(scratch_ / "mask.nii");
  source().mask = "mask.nii";
  EXPECT_THAT(making_error(), HasSubstr("mask.nii has 6x4x6 voxels, but its image"));
}

TEST_F(Cohort, AMaskOfAnotherVoxelSizeIsRefused) {
  auto mask = image();
  mask.spacing = {2, 1, 1};
  mask.write(scratch_ / "mask.nii");
  source().mask = "mask.nii";
  EXPECT_THAT(making_error(), HasSubstr("mask.nii has voxels of 2x1x1 mm"));
}

TEST_F(Cohort, AMaskThatLiesElsewhereIsRefused) {
  auto mask = image();
  source().mask = "mask.nii";
  const auto error_with = [&](std::vector<float> affine) {
    mask.affine = std::move(affine);
    mask.write(scratch_ / "mask.nii");
    return making_error();
  };
  EXPECT_EQ(error_with({-1, 0, 0, 0.45f, 0, -1, 0, 0, 0, 0, 1, -0.45f}), "");  // less than half a voxel
  EXPECT_EQ(error_with({1, 0, 0, -5, 0, -1, 0, 0, 0, 0, 1, 0}), "");           // the same grid, x to Right
  const std::vector<float> moved = {-1, 0, 0, 0, 0, -1, 0, 3, 0, 0, 1, 0};
  EXPECT_THAT(error_with(moved),
              AllOf(HasSubstr("mask.nii lies elsewhere than its image"),
                    HasSubstr("A.nii.gz: corners of their grids are up to 3.0 voxels apart; bring it onto"),
                    HasSubstr("or set data.reorient=false if the arrays of all files fit")));
  const float c = std::cos(0.5f), s = std::sin(0.5f);
  EXPECT_THAT(error_with({-c, s, 0, 0, -s, -c, 0, 0, 0, 0, 1, 0}), HasSubstr("mask.nii lies elsewhere"));
  source().lesion = "mask.nii";
  source().mask = "";
  EXPECT_THAT(error_with(moved), HasSubstr("mask.nii lies elsewhere"));
  options_.reorient = false;
  EXPECT_EQ(making_error(), "");
}

TEST_F(Cohort, AnEmptyBrainMaskIsRefused) {
  auto mask = image();
  mask.set_voxels(std::vector<float>(144, 0.0f));
  mask.write(scratch_ / "mask.nii");
  source().mask = "mask.nii";
  EXPECT_THAT(making_error(), HasSubstr("mask.nii: the brain mask is empty"));
  mask.write(scratch_ / "A.nii.gz");
  source().mask = "";
  EXPECT_THAT(making_error(), HasSubstr("A.nii.gz: the brain mask is empty"));
}

TEST_F(Cohort, ABrainThatIsCroppedAwayIsRefused) {
  NiftiFile file;
  file.shape = {6, 6, 4};
  std::vector<float> voxels(144, 0.0f);
  voxels[0] = 5.0f;  // a corner
  file.set_voxels(voxels);
  file.write(scratch_ / "A.nii.gz");
  options_.image_size = {2, 2, 2};
  EXPECT_THAT(making_error(), HasSubstr("no brain is left after cropping to 2x2x2 voxels"));
}

TEST_F(Cohort, AConstantImageIsRefused) {
  auto file = image();
  file.set_voxels(std::vector<float>(144, 7.0f));
  file.write(scratch_ / "A.nii.gz");
  EXPECT_THAT(making_error(), HasSubstr("one and the same intensity everywhere"));
}

TEST_F(Cohort, AFileWithoutOrientationNeedsTheOptionThatAcceptsIt) {
  auto file = image();
  file.sform_code = 0;
  file.write(scratch_ / "A.nii.gz");
  EXPECT_THAT(making_error(), HasSubstr("set data.reorient=false"));
  options_.reorient = false;
  EXPECT_EQ(making_error(), "");
}

TEST_F(Cohort, AMissingImageIsNamed) {
  std::filesystem::remove(scratch_ / "A.nii.gz");
  EXPECT_THAT(making_error(), HasSubstr("A.nii.gz does not exist"));
}

TEST(DataOptions, OptionsThatDoNotFitTogetherAreConfigurationErrors) {
  const auto error_with = [](auto change) {
    DataOptions options;
    options.kind = "phantom";
    options.root = "r";
    change(options);
    return error_of<ConfigError>([&] { options.validate(); });
  };
  EXPECT_EQ(error_with([](auto&) {}), "");
  EXPECT_THAT(error_with([](auto& o) { o.image_size = {48, 48}; }), HasSubstr("data.image_size is [48, 48]"));
  EXPECT_THAT(error_with([](auto& o) { o.downsample = 3; }),
              HasSubstr("data.downsample is 3: give 1, 2 or 4"));
  EXPECT_EQ(error_with([](auto& o) {
              o.image_size = {512, 512, 512};
              o.downsample = 2;
            }),
            "");
  EXPECT_THAT(
      error_with([](auto& o) {
        o.image_size = {512, 512, 513};
        o.downsample = 2;
      }),
      HasSubstr("data.image_size is [512, 512, 513] and data.downsample 2: crops would have 1075838976 "
                "voxels, and no volume may have more than 1073741824"));
  EXPECT_THAT(error_with([](auto& o) {
                o.image_size = {4096, 4096, 4096};
              }),
              HasSubstr("68719476736 voxels"));
  EXPECT_THAT(error_with([](auto& o) { o.percentiles = {99, 1}; }), HasSubstr("data.percentiles is [99"));
  EXPECT_THAT(error_with([](auto& o) { o.root = ""; }), HasSubstr("data.root is empty"));
  EXPECT_THAT(error_with([](auto& o) { o.kind = "nifti"; }), HasSubstr("data.sources is empty"));
  EXPECT_THAT(error_with([](auto& o) {
                o.kind = "nifti";
                o.sources = {"a"};
              }),
              HasSubstr("data.source has no entry a"));
  const auto with_source = [](DataOptions& o) {
    o.kind = "nifti";
    o.sources = {"a"};
    o.source["a"].folder = "f";
  };
  EXPECT_THAT(error_with(with_source), HasSubstr("data.source.a.image is empty"));
  EXPECT_THAT(error_with([&](auto& o) {
                with_source(o);
                o.source["a"].folder = "";
              }),
              HasSubstr("data.source.a.folder is empty"));
  EXPECT_THAT(error_with([&](auto& o) {
                with_source(o);
                o.source["a"].image = "i";
              }),
              HasSubstr("data.source.a: give exactly one of table, subjects and scan"));
  EXPECT_THAT(error_with([&](auto& o) {
                with_source(o);
                o.sources = {"a", "a"};
              }),
              HasSubstr("names a source twice"));
}

TEST(DataOptions, NumbersOfPhantomsHaveALimit) {
  for (const char* option :
       {"data.phantom.train_subjects", "data.phantom.val_subjects", "data.phantom.test_subjects"})
    EXPECT_THAT(
        error_of<ConfigError>([&] { test::shipped_data("phantom", {std::string(option) + "=1000001"}); }),
        AllOf(HasSubstr(option), HasSubstr("to 1000000")));
}

}  // namespace
}  // namespace gyrus
