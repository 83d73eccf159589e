// Each test makes a tree with one mistake; the fixture's own tree has none.
#include "data/lint/lint.hpp"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <limits>

#include "tests/data/lint_tree.hpp"

namespace gyrus::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

TEST_F(LintTree, ACleanTreeHasNoFinding) {
  const LintReport report = lint();
  EXPECT_THAT(report.findings, IsEmpty());
  EXPECT_THAT(report.rows, SizeIs(5));
  Lint lint(options_, 1);
  EXPECT_EQ(lint.leave_out(), 0u);
  EXPECT_FALSE(std::filesystem::exists(options_.root));
}

TEST_F(LintTree, ASubjectThatIsTrainedOnAndTestedLeavesTheTraining) {
  options_.source["patients"].subjects = {"P", "A"};
  write(labels(3, 4), "A_lesion.nii");
  const auto finding = only(Check::two_sets, true);
  EXPECT_THAT(finding.text,
              HasSubstr("subject A: train (" + path("split.csv") + " line 2, A.nii), lesions ("));
  EXPECT_THAT(finding.rows, ElementsAre(0, 5));
  EXPECT_THAT(finding.leave_out, ElementsAre(0));
  Lint lint(options_, 2);
  EXPECT_EQ(lint.leave_out(), 1u);
  EXPECT_THAT(lint.report().findings, IsEmpty());
  EXPECT_THAT(list(), HasSubstr("healthy,train,A,\"subjects in two sets: subject A: train"));
}

TEST_F(LintTree, ASubjectInValAndTestIsNotForUsToMove) {
  write_table("A,train\nB,train\nC,val\nD,test\nC,test\n");
  const auto finding = only(Check::two_sets, true);
  EXPECT_THAT(finding.text, HasSubstr("subject C: val ("));
  EXPECT_THAT(finding.leave_out, IsEmpty());
}

TEST_F(LintTree, AVolumeThatIsListedTwiceStaysOnce) {
  write_table("A,train\nB,train\nA,train\nC,val\nC,val\nD,test\n");
  Lint lint(options_, 2);
  EXPECT_THAT(kinds(lint.report()),
              ElementsAre(std::pair(Check::listed_twice, true), std::pair(Check::listed_twice, true)));
  EXPECT_THAT(lint.report().findings[0].text,
              HasSubstr("A: train (" + path("split.csv") + " line 2, A.nii)"));
  EXPECT_THAT(error_of<DataError>([&] { list_cohort(options_); }), HasSubstr("A is listed twice"));
  EXPECT_EQ(lint.leave_out(), 2u);
  EXPECT_THAT(lint.report().findings, IsEmpty());
  std::vector<std::string> left;
  for (const auto& entry : list_cohort(options_)) left.push_back(entry.id);
  EXPECT_THAT(left, ElementsAre("A", "B", "C", "D", "P"));
}

TEST_F(LintTree, OneNameOfTwoFilesIsNotForUsToChoose) {
  write_table("A,train\nB,train\nC,val\nD,test\n");
  options_.source["healthy"].id = "{split}";
  const auto finding = only(Check::listed_twice, true);
  EXPECT_THAT(finding.text, HasSubstr("train, with other files or subjects: train ("));
  EXPECT_THAT(finding.leave_out, IsEmpty());
  // A line for one of the two could mean the other: even a useless volume stays.
  write_text(path("A.nii"), "no NIfTI");
  Lint lint(options_, 2);
  EXPECT_EQ(lint.leave_out(), 0u);
}

TEST_F(LintTree, FilesThatCannotBeReadAreNamed) {
  std::filesystem::remove(path("A.nii"));
  const std::string whole = read_file(path("C_mask.nii"));
  write_text(path("C_mask.nii"), whole.substr(0, whole.size() / 2));
  Lint lint(options_, 2);
  EXPECT_THAT(kinds(lint.report()),
              ElementsAre(std::pair(Check::unreadable, true), std::pair(Check::unreadable, true)));
  EXPECT_EQ(lint.report().findings[0].text, path("A.nii") + " does not exist");
  EXPECT_THAT(lint.report().findings[1].text, HasSubstr("C_mask.nii: is truncated"));
  EXPECT_EQ(lint.leave_out(), 1u);  // not of the validation
  EXPECT_THAT(kinds(lint.report()), ElementsAre(std::pair(Check::unreadable, true)));
}

TEST_F(LintTree, APipeIsNotWaitedFor) {
  std::filesystem::remove(path("A.nii"));
  ASSERT_EQ(::mkfifo(path("A.nii").c_str(), 0600), 0);
  EXPECT_THAT(only(Check::unreadable, true).text, HasSubstr("A.nii: is not a file"));
  EXPECT_EQ(error_of<DataError>([&] { SourceDigests().of(path("A.nii")); }),
            path("A.nii") + " is not a file");
}

TEST_F(LintTree, NanAndInfiniteVoxelsAreNamed) {
  write(with(image('B'), 3, std::numeric_limits<float>::quiet_NaN()), "B.nii");
  const auto finding = only(Check::not_finite, true);
  EXPECT_EQ(finding.text, path("B.nii") + ": voxel (3, 0, 0) is nan");
  EXPECT_THAT(finding.leave_out, ElementsAre(1));
  write(with(image('B'), 0, std::numeric_limits<float>::infinity()), "B.nii");
  EXPECT_THAT(only(Check::not_finite, true).text, HasSubstr("voxel (0, 0, 0) is inf"));
}

TEST_F(LintTree, AFileWithoutOrientationIsNamed) {
  auto file = image('A');
  file.sform_code = 0;
  write(file, "A.nii");
  const LintReport report = lint();
  EXPECT_THAT(kinds(report),
              ElementsAre(std::pair(Check::no_orientation, true), std::pair(Check::uneven_grids, false)));
  EXPECT_EQ(report.findings[0].text, path("A.nii") + ": has neither sform nor qform");
  EXPECT_THAT(report.findings[0].leave_out, IsEmpty());
}

TEST_F(LintTree, AMaskOnAnotherGridIsNamedWithBothGrids) {
  auto mask = labels(2, 5);
  mask.spacing = {1, 2, 1};
  write(mask, "D_mask.nii");
  EXPECT_EQ(only(Check::other_grid, true).text, path("D_mask.nii") +
                                                    " has 8x8x4 voxels of 1x2x1 mm, LPS, its image " +
                                                    path("D.nii") + " has 8x8x4 voxels of 1x1x1 mm, LPS");
  mask = file([](int, int, int) { return 1.0f; });
  mask.shape = {nx, nz, ny};
  write(mask, "D_mask.nii");
  EXPECT_THAT(only(Check::other_grid, true).text, HasSubstr("8x4x8 voxels"));
}

TEST_F(LintTree, AMaskOrLesionThatLiesElsewhereIsNamed) {
  auto mask = labels(2, 5);
  mask.affine = {-1, 0, 0, 30, 0, -1, 0, -40, 0, 0, 1, 20};
  write(mask, "D_mask.nii");
  EXPECT_EQ(only(Check::other_grid, true).text, path("D_mask.nii") + " lies elsewhere than its image " +
                                                    path("D.nii") +
                                                    ": corners of their grids are up to 40.0 voxels apart");
  options_.reorient = false;
  EXPECT_THAT(lint().findings, IsEmpty());
  options_.reorient = true;
  write(labels(2, 5), "D_mask.nii");
  auto lesion = labels(3, 4);
  lesion.affine[3] = 0.6f;
  write(lesion, "P_lesion.nii");
  EXPECT_THAT(only(Check::other_grid, true).text, HasSubstr("P_lesion.nii lies elsewhere than its image"));
  lesion.affine[3] = 0.4f;
  write(lesion, "P_lesion.nii");
  EXPECT_THAT(lint().findings, IsEmpty());
}

TEST_F(LintTree, FormsOfOtherHandednessHintAtAnExchange) {
  auto file = image('B');
  file.qform_code = 1;
  write(file, "B.nii");
  EXPECT_THAT(lint().findings, IsEmpty());
  file.qfac = -1.0f;
  write(file, "B.nii");
  EXPECT_EQ(only(Check::left_right, true).text,
            path("B.nii") + ": its sform and qform are mirror images of each other");
}

TEST_F(LintTree, AMaskWithOtherAxesThanItsImageIsAnErrorWhereAxesAreIgnored) {
  auto mask = labels(2, 5);
  mask.affine = {1, 0, 0, -7, 0, -1, 0, 0, 0, 0, 1, 0};  // x to Right
  write(mask, "C_mask.nii");
  EXPECT_EQ(only(Check::left_right, false).text,
            path("C_mask.nii") + " has the axes RPS, its image " + path("C.nii") + " the axes LPS");
  options_.reorient = false;
  EXPECT_THAT(only(Check::left_right, true).text, HasSubstr("data.reorient=false takes them for the same"));
}

TEST_F(LintTree, AMaskThatFitsItsMirrorImageBetterIsFound) {
  // Of the image's 4 columns the mask has 3; mirrored it has all 4.
  const auto shifted = [](int first) {
    return file(
        [&](int x, int y, int) { return x >= first && x < first + 4 && y >= 2 && y <= 5 ? 1.0f : 0.0f; });
  };
  write(file([](int x, int y, int z) {
          return x >= 1 && x <= 4 && y >= 2 && y <= 5 ? static_cast<float>(1 + x * y + z) : 0.0f;
        }),
        "C.nii");
  write(shifted(1), "C_mask.nii");
  EXPECT_THAT(lint().findings, IsEmpty());
  write(shifted(3), "C_mask.nii");
  EXPECT_EQ(only(Check::left_right, true).text, path("C_mask.nii") + ": its Dice with the voxels of " +
                                                    path("C.nii") +
                                                    " that are not 0 is 0.500, but 1.000 when mirrored in x");
}

TEST_F(LintTree, AnEmptyMaskIsNamed) {
  write(labels(9, 9), "B_mask.nii");
  const auto finding = only(Check::empty_mask, true);
  EXPECT_EQ(finding.text, path("B_mask.nii") + ": has no voxel of 0.5 or more");
  EXPECT_THAT(finding.leave_out, ElementsAre(1));
  options_.source["healthy"].mask.clear();
  write(labels(9, 9), "B.nii");
  EXPECT_EQ(only(Check::empty_mask, true).text, path("B.nii") + ": is 0 everywhere, and there is no mask");
}

TEST_F(LintTree, AConstantBrainIsNamed) {
  write(labels(2, 5), "A.nii");
  const auto finding = only(Check::constant, true);
  EXPECT_EQ(finding.text, path("A.nii") + ": 1 in the whole brain");
  EXPECT_THAT(finding.leave_out, ElementsAre(0));
  options_.source["healthy"].mask.clear();
  EXPECT_EQ(only(Check::constant, true).text, path("A.nii") + ": 1 in the whole brain");
}

TEST_F(LintTree, AMaskBesideTheBrainIsNamedWithItsShare) {
  // In the lower half of the mask the image is 0 but for one row: symmetric in x.
  write(file([](int x, int y, int) { return x >= 2 && x <= 5 && y >= 5 ? 1.0f : 0.0f; }), "D_mask.nii");
  const auto finding = only(Check::mask_off_image, true);
  EXPECT_EQ(finding.text,
            path("D_mask.nii") + ": only 33.3 % of it lies where " + path("D.nii") + " is not 0");
  EXPECT_THAT(finding.leave_out, IsEmpty());
}

TEST_F(LintTree, LesionsOutsideTheBrainAreCounted) {
  write(labels(5, 6), "P_lesion.nii");  // 1 of 4 voxels per slice is inside
  EXPECT_EQ(only(Check::lesion_off_brain, true).text,
            path("P_lesion.nii") + ": 12 of 16 lesion voxels (75.0 %) lie outside the brain mask");
  write(labels(3, 6), "P_lesion.nii");  // 9 of 16 are
  EXPECT_THAT(only(Check::lesion_off_brain, false).text, HasSubstr("28 of 64 lesion voxels (43.8 %)"));
  options_.source["patients"].mask.clear();
  EXPECT_THAT(only(Check::lesion_off_brain, false).text, HasSubstr("28 of 64"));
}

TEST_F(LintTree, OnlyTheLabelsThatAreLesionCount) {
  write(file([](int x, int y, int) { return inside(x, y, 3, 4)   ? 4.0f
                                            : inside(x, y, 0, 7) ? 2.0f
                                                                 : 0.0f; }),
        "P_lesion.nii");
  EXPECT_THAT(only(Check::lesion_off_brain, true).text, HasSubstr("192 of 256 lesion voxels"));
  options_.source["patients"].lesion_labels = {4};
  EXPECT_THAT(lint().findings, IsEmpty());
}

TEST_F(LintTree, WhatIsDroppedOrKeptOnPurposeIsAWarning) {
  write_table("A,train\nB,train\nA,train\nC,val\nD,test\nB,test\n");
  options_.duplicates = options_.leakage = "drop";
  LintReport report = lint();
  EXPECT_THAT(kinds(report),
              ElementsAre(std::pair(Check::two_sets, false), std::pair(Check::listed_twice, false)));
  EXPECT_THAT(report.findings[0].text, HasSubstr("B.nii) (data.leakage=drop)"));
  EXPECT_THAT(report.findings[1].text, HasSubstr("A.nii) (data.duplicates=drop)"));
  EXPECT_THAT(report.findings[1].leave_out, ElementsAre(2));
  options_.duplicates = options_.leakage = "keep";
  report = lint();
  EXPECT_THAT(report.findings, SizeIs(2));
  for (const Finding& finding : report.findings) EXPECT_THAT(finding.leave_out, IsEmpty());
}

TEST_F(LintTree, TheSameBytesUnderTwoNamesAreFound) {
  std::filesystem::copy_file(path("A.nii"), path("B.nii"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_EQ(only(Check::identical, false).text,
            path("A.nii") + " (subject A, train), " + path("B.nii") + " (subject B, train)");
  write(image('B'), "B.nii");
  std::filesystem::copy_file(path("A.nii"), path("D.nii"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(only(Check::identical, true).text, HasSubstr("(subject D, test)"));  // leakage
  write(image('D'), "D.nii");
  std::filesystem::copy_file(path("C.nii"), path("D.nii"), std::filesystem::copy_options::overwrite_existing);
  EXPECT_THAT(only(Check::identical, true).text, HasSubstr("(subject C, val), " + path("D.nii")));
  write(image('D'), "D.nii");
  options_.source["healthy"].image = "A.nii";  // one file for everybody
  EXPECT_THAT(only(Check::identical, true).text, HasSubstr(path("A.nii") + " (subject B, train)"));
}

TEST_F(LintTree, VolumesUnlikeTheOthersOfTheirSourceAreNamed) {
  auto file = image('B'), mask = labels(2, 5);
  file.spacing = mask.spacing = {1, 1, 1.5};
  write(file, "B.nii");
  write(mask, "B_mask.nii");
  EXPECT_EQ(only(Check::uneven_grids, false).text,
            path("B.nii") +
                " has 8x8x4 voxels of 1x1x1.5 mm, LPS; 3 of the 4 images of source healthy have "
                "8x8x4 voxels of 1x1x1 mm, LPS");
}

TEST_F(LintTree, UnknownAgesAndSitesMatterWhereFoldsAreStratified) {
  options_.fold_strata = {"age"};
  write_text(folder_ / "split.csv", "subject,split,age\nA,train,30\nB,train,40\nC,val,\nD,test,\n");
  options_.source["healthy"].age = "{age}";
  EXPECT_EQ(only(Check::unknown_traits, false).text,
            "subject C (" + path("split.csv") + " line 4): age unknown");  // D and P are not divided
  options_.fold_strata = {"site"};
  EXPECT_THAT(lint().findings, SizeIs(3));
}

TEST_F(LintTree, FindingsComeMostSeriousFirstForAnyNumberOfThreads) {
  options_.source["patients"].subjects = {"P", "A"};
  write(labels(3, 4), "A_lesion.nii");
  write(labels(3, 6), "P_lesion.nii");
  write(labels(9, 9), "C_mask.nii");
  std::filesystem::remove(path("D.nii"));
  const auto expected =
      ElementsAre(std::pair(Check::two_sets, true), std::pair(Check::unreadable, true),
                  std::pair(Check::empty_mask, true), std::pair(Check::lesion_off_brain, false));
  for (const std::size_t threads : {1, 2, 7}) EXPECT_THAT(kinds(Lint(options_, threads).report()), expected);
}

}  // namespace
}  // namespace gyrus::test
