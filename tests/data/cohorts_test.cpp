// Every cohort of configs/data, as shipped, on a small made tree of its layout.
#include <gmock/gmock.h>

#include <cmath>
#include <functional>
#include <map>
#include <numeric>

#include "data/dataset.hpp"
#include "data/source/cohort.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

enum class Content { head, brain, mask, lesion, lesion_and_more };

/// A scan of 8x8x8 voxels of 1 mm: a brain of 6x6x6 in the middle, in it a lesion of 2x2x2; a head has
/// something around the brain too. `lesion_and_more` also has a label 2 elsewhere.
test::NiftiFile scan(Content content) {
  test::NiftiFile file;
  file.shape = {8, 8, 8};
  std::vector<float> voxels;
  const auto is_within = [](int i, int first, int last) { return i >= first && i <= last; };
  for (int z = 0; z < 8; ++z)
    for (int y = 0; y < 8; ++y)
      for (int x = 0; x < 8; ++x) {
        const bool brain = is_within(x, 1, 6) && is_within(y, 1, 6) && is_within(z, 1, 6);
        const bool lesion = is_within(x, 3, 4) && is_within(y, 3, 4) && is_within(z, 3, 4);
        const auto intensity = static_cast<float>(100 + 10 * x + 3 * y + z);
        switch (content) {
          case Content::head:
            voxels.push_back(brain ? intensity : 90.0f);
            break;
          case Content::brain:
            voxels.push_back(brain ? intensity : 0.0f);
            break;
          case Content::mask:
            voxels.push_back(brain);
            break;
          case Content::lesion:
            voxels.push_back(lesion ? 4.0f : 0.0f);
            break;
          case Content::lesion_and_more:
            voxels.push_back(lesion ? 1.0f : x == 1 ? 2.0f : 0.0f);
            break;
        }
      }
  file.set_voxels(voxels);
  return file;
}

/// ${GYRUS_DATA} with a made tree.
class Cohorts : public testing::Test {
 protected:
  Cohorts() {
    if (const char* given = std::getenv("GYRUS_DATA")) earlier_ = given;
    ::setenv("GYRUS_DATA", scratch_.path().c_str(), 1);
  }
  ~Cohorts() override {
    if (earlier_.empty())
      ::unsetenv("GYRUS_DATA");
    else
      ::setenv("GYRUS_DATA", earlier_.c_str(), 1);
  }
  void write(const std::string& file, Content content) {
    const auto path = scratch_ / file;
    fs::create_directories(path.parent_path());
    scan(content).write(path);
  }
  void write_text(const std::string& file, const std::string& text) {
    const auto path = scratch_ / file;
    fs::create_directories(path.parent_path());
    test::write_text(path, text);
  }
  /// The shipped configuration at 4x4x4 voxels of 2 mm.
  DataOptions compose(const std::string& name, std::vector<std::string> overrides = {}) {
    overrides.insert(overrides.end(),
                     {"data.image_size=[4,4,4]", "data.root=" + (scratch_ / "root").string()});
    return test::shipped_data(name, overrides);
  }
  static std::map<std::string, int> counts(const std::vector<CohortEntry>& entries) {
    std::map<std::string, int> counts;
    for (const auto& entry : entries) ++counts[entry.set];
    return counts;
  }
  static const CohortEntry& entry(const std::vector<CohortEntry>& entries, const std::string& id) {
    const auto found = std::find_if(entries.begin(), entries.end(), [&](auto& e) { return e.id == id; });
    require(found != entries.end(), id.c_str());
    return *found;
  }
  /// Makes every volume: the brain of 3x3x3 voxels of 2 mm, its lesion of one voxel where there is one,
  /// nothing around the brain.
  static void expect_volumes(const DataOptions& options, const std::vector<CohortEntry>& entries) {
    for (const auto& entry : entries) {
      const auto volume = make_volume(options, entry);
      EXPECT_EQ(std::accumulate(volume.mask.begin(), volume.mask.end(), 0), 27) << entry.id;
      EXPECT_EQ(std::accumulate(volume.lesion.begin(), volume.lesion.end(), 0), entry.label) << entry.id;
      EXPECT_EQ(volume.spacing, (std::array<double, 3>{2, 2, 2}));
      EXPECT_GT(*std::max_element(volume.image.begin(), volume.image.end()), 0.5f);
      EXPECT_LT(volume.image.back(),
                0.2f);  // the head's last corner, beside the brightest corner of the brain
    }
  }

  test::Scratch scratch_;
  std::string earlier_;
};

TEST_F(Cohorts, IxiIsHealthyHeadsWithMasksAndSites) {
  for (const std::string name : {"IXI002-Guys-0828", "IXI012-HH-1211", "IXI013-IOP-0001", "IXI014-HH-1236"})
    for (const std::string modality : {"T1", "T2"}) {
      write("ixi/IXI-" + modality + "/" + name + "-" + modality + ".nii.gz", Content::head);
      write("ixi/mask/" + name + "-" + modality + ".nii.gz", Content::mask);
    }
  auto options = compose("ixi");
  auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"train", 2}, {"val", 1}, {"test", 1}}));
  EXPECT_EQ(entry(entries, "IXI012-HH-1211").site, "HH");
  EXPECT_EQ(entry(entries, "IXI012-HH-1211").subject, "IXI012-HH-1211");
  EXPECT_EQ(entry(entries, "IXI012-HH-1211").image, scratch_ / "ixi/IXI-T2/IXI012-HH-1211-T2.nii.gz");
  EXPECT_TRUE(std::isnan(entries[0].age));
  expect_volumes(options, entries);

  // IXI.xls saved as CSV; its numbers have no leading zeros, and 14 has an age nowhere.
  write_text("ixi/IXI.csv", "IXI_ID,\"SEX_ID (1=m, 2=f)\",AGE\n2,2,35.8\n12,1,38.78\n13,1,46.71\n");
  options =
      compose("ixi", {"data.source.ixi.join=IXI.csv", "data.source.ixi.age=\"{AGE}\"", "data.modality=t1"});
  entries = list_cohort(options);
  EXPECT_EQ(entry(entries, "IXI002-Guys-0828").age, 35.8);
  EXPECT_TRUE(std::isnan(entry(entries, "IXI014-HH-1236").age));
  EXPECT_EQ(entry(entries, "IXI012-HH-1211").mask, scratch_ / "ixi/mask/IXI012-HH-1211-T1.nii.gz");
  EXPECT_TRUE(options.root.ends_with("/root"));
}

TEST_F(Cohorts, BratsOf2021HasLabelledPatientsForThresholdsAndTest) {
  for (const std::string number : {"00000", "00002", "01122"}) {
    const std::string stem = "brats21/BraTS2021_" + number + "/BraTS2021_" + number;
    write(stem + "_t2.nii.gz", Content::brain);
    write(stem + "_flair.nii.gz", Content::brain);
    write(stem + "_seg.nii.gz", Content::lesion);
  }
  auto options = compose("brats21");
  auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"brats21_val", 1}, {"brats21_test", 2}}));
  EXPECT_EQ(entry(entries, "BraTS2021_00002").label, 1);
  EXPECT_TRUE(entries[0].mask.empty());
  expect_volumes(options, entries);
  entries = list_cohort(compose("brats21", {"data.modality=flair"}));
  EXPECT_EQ(entry(entries, "BraTS2021_01122").image.filename(), "BraTS2021_01122_flair.nii.gz");
}

TEST_F(Cohorts, BratsOfOtherYearsIsNamedByItsFolders) {
  for (const std::string name : {"BraTS20_Training_001", "Brats18_CBICA_AAB_1"}) {
    write("brats/" + name + "/" + name + "_t2.nii.gz", Content::brain);
    write("brats/" + name + "/" + name + "_seg.nii.gz", Content::lesion);
  }
  const auto options = compose("brats");
  const auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"brats_val", 1}, {"brats_test", 1}}));
  EXPECT_EQ(entry(entries, "Brats18_CBICA_AAB_1").subject, "Brats18_CBICA_AAB_1");
  expect_volumes(options, entries);
}

void write_mslub(const std::function<void(const std::string&, Content)>& write) {
  for (const std::string patient : {"patient01", "patient02", "patient19"}) {
    write("mslub/" + patient + "/T2W.nii.gz", Content::head);
    write("mslub/" + patient + "/FLAIR.nii.gz", Content::head);
    write("mslub/" + patient + "/brainmask.nii.gz", Content::mask);
    write("mslub/" + patient + "/consensus_gt.nii.gz", Content::lesion);
  }
}

TEST_F(Cohorts, MslubHasAMaskAndAConsensusPerPatient) {
  write_mslub([&](const std::string& file, Content content) { write(file, content); });
  const auto options = compose("mslub");
  const auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"mslub_val", 1}, {"mslub_test", 2}}));
  EXPECT_EQ(entry(entries, "patient19").lesion, scratch_ / "mslub/patient19/consensus_gt.nii.gz");
  expect_volumes(options, entries);
  const auto flair =
      compose("mslub", {"data.modality=flair", "data.source.mslub.scan=\"{subject}/FLAIR.nii.gz\""});
  EXPECT_EQ(list_cohort(flair)[0].image.filename(), "FLAIR.nii.gz");
}

TEST_F(Cohorts, AtlasHasItsCohortsAsSites) {
  for (const std::string number : {"r001s001", "r001s002", "r009s003"}) {
    const std::string stem = "atlas/Training/" + number.substr(0, 4) + "/sub-" + number + "/ses-1/anat/sub-" +
                             number + "_ses-1_space-MNI152NLin2009aSym_";
    write(stem + "T1w.nii.gz", Content::head);
    write(stem + "desc-brain_mask.nii.gz", Content::mask);
    write(stem + "label-L_desc-T1lesion_mask.nii.gz", Content::lesion);
  }
  write_text("atlas/Training/dataset_description.json", "{}");
  const auto options = compose("atlas");
  const auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"atlas_val", 1}, {"atlas_test", 2}}));
  EXPECT_EQ(entry(entries, "sub-r009s003_ses-1").subject, "sub-r009s003");
  EXPECT_EQ(entry(entries, "sub-r009s003_ses-1").site, "r009");
  expect_volumes(options, entries);
}

TEST_F(Cohorts, WmhIgnoresOtherPathology) {
  for (const std::string patient : {"Utrecht/0", "Utrecht/2", "Singapore/50", "GE3T/100"}) {
    write("wmh/" + patient + "/pre/FLAIR.nii.gz", Content::head);
    write("wmh/" + patient + "/pre/T1.nii.gz", Content::head);
    write("wmh/" + patient + "/pre/brain_mask.nii.gz", Content::mask);
    write("wmh/" + patient + "/wmh.nii.gz", Content::lesion_and_more);
  }
  auto options = compose("wmh");
  const auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"wmh_val", 1}, {"wmh_test", 3}}));
  EXPECT_EQ(entry(entries, "Singapore-50").site, "Singapore");
  expect_volumes(options, entries);  // one lesion voxel: label 2 is none
  options.source["wmh"].lesion_labels = {1, 2};
  const auto both = make_volume(options, list_cohort(options)[0]);
  EXPECT_EQ(std::accumulate(both.lesion.begin(), both.lesion.end(), 0),
            1 + 9);  // and the plane x = 1 of the brain's box
}

TEST_F(Cohorts, BidsTakesAgesFromItsParticipants) {
  for (const std::string number : {"01", "02", "10"}) {
    write("bids/sub-" + number + "/anat/sub-" + number + "_T1w.nii.gz", Content::head);
    const std::string derived = "bids/derivatives/masks/sub-" + number + "/anat/sub-" + number;
    write(derived + "_desc-brain_mask.nii.gz", Content::mask);
    if (number == "10") write(derived + "_label-lesion_mask.nii.gz", Content::lesion);
  }
  write_text("bids/participants.tsv",
             "participant_id\tage\tsex\nsub-01\t64\tF\nsub-02\tn/a\tM\nsub-10\t50.5\tF\n");
  auto options = compose("bids");
  auto entries = list_cohort(options);
  EXPECT_EQ(counts(entries), (std::map<std::string, int>{{"train", 1}, {"val", 1}, {"test", 1}}));
  EXPECT_EQ(entry(entries, "sub-01").age, 64.0);
  EXPECT_TRUE(std::isnan(entry(entries, "sub-02").age));
  EXPECT_EQ(entry(entries, "sub-10").age, 50.5);
  expect_volumes(options, entries);
  auto& source = options.source["bids"];
  source.lesion = "derivatives/masks/sub-{subject}/anat/sub-{subject}_label-lesion_mask.nii.gz";
  source.optional = {"lesion"};
  entries = list_cohort(options);
  EXPECT_EQ(entry(entries, "sub-01").label, 0);
  EXPECT_EQ(entry(entries, "sub-10").label, 1);
}

TEST_F(Cohorts, ATableListsAnythingWithAnyName) {
  write("table/scans/A b.nii.gz", Content::head);
  write("table/masks/A b.nii.gz", Content::mask);
  write("table/scans/Ünal, \"x\".nii.gz", Content::brain);
  write("table/labels/Ünal.nii.gz", Content::lesion);
  write_text(
      "table/volumes.csv",
      "subject,split,image,mask,lesion,age,site\nA b,train,scans/A b.nii.gz,masks/A b.nii.gz,,31.5,Guys\n"
      "Ünal,test,\"scans/Ünal, \"\"x\"\".nii.gz\",,labels/Ünal.nii.gz,,\n");
  const auto options = compose("table");
  const auto entries = list_cohort(options);
  EXPECT_EQ(entry(entries, "A b").age, 31.5);
  EXPECT_EQ(entry(entries, "A b").site, "Guys");
  EXPECT_EQ(entry(entries, "A b").label, 0);
  EXPECT_EQ(entry(entries, "Ünal").set, "test");
  EXPECT_EQ(entry(entries, "Ünal").label, 1);
  expect_volumes(options, entries);
}

TEST_F(Cohorts, ThePaperTrainsOnOneCohortAndTestsOnTheOthers) {
  for (const std::string name : {"IXI002-Guys-0828", "IXI012-HH-1211", "IXI013-IOP-0001"}) {
    write("ixi/IXI-T2/" + name + "-T2.nii.gz", Content::head);
    write("ixi/mask/" + name + "-T2.nii.gz", Content::mask);
  }
  for (const std::string name : {"BraTS2021_00000", "BraTS2021_00002"}) {
    write("brats21/" + name + "/" + name + "_t2.nii.gz", Content::brain);
    write("brats21/" + name + "/" + name + "_seg.nii.gz", Content::lesion);
  }
  write_mslub([&](const std::string& file, Content content) { write(file, content); });
  const auto options = compose("paper");
  EXPECT_EQ(options.steps, (std::vector<std::string>{"resample", "strip", "brain_box", "curvature_flow",
                                                     "centre", "rescale", "downsample"}));
  EXPECT_EQ(options.resample.interpolation, "bspline");
  EXPECT_EQ(test::shipped_data("paper").image_size, (std::vector<std::int64_t>{96, 96, 50}));
  EXPECT_TRUE(test::shipped_data("paper").root.ends_with("/paper-t2"));
  prepare_dataset(options, test::world());
  const auto dataset = Dataset::open(options);
  EXPECT_THAT(dataset.sets(), UnorderedElementsAre("train", "val", "test", "brats21_val", "brats21_test",
                                                   "mslub_val", "mslub_test"));
  EXPECT_EQ(dataset.volumes("mslub_test").size(), 2u);
}

/// The published folder. Its tables name T1 files; row numbers and other columns are in the way as there.
class ReferenceLayout : public Cohorts {
 protected:
  ReferenceLayout() {
    for (const std::string table : {"IXI_train_fold0", "IXI_train_fold1", "IXI_val_fold0", "IXI_test"})
      ixi(table, {});
    ixi("IXI_train_fold0", {"IXI002-Guys-0828", "IXI012-HH-1211", "IXI012-HH-1211", "IXI013-HH-1212",
                            "IXI014-HH-1236", "IXI016-Guys-0697"});
    ixi("IXI_val_fold0", {"IXI013-HH-1212", "IXI020-Guys-0700"});
    ixi("IXI_test", {"IXI014-HH-1236", "IXI030-IOP-0800", "IXI020-Guys-0700"});
    std::string available = ",0\n";  // IXI016 has no T2 file; one is there twice
    int row = 0;
    for (const char* name : {"IXI002-Guys-0828", "IXI012-HH-1211", "IXI012-HH-1211", "IXI013-HH-1212",
                             "IXI014-HH-1236", "IXI020-Guys-0700", "IXI030-IOP-0800"}) {
      available += std::to_string(row++) + "," + name + "_t2.nii.gz\n";
      write(std::string("reference/Data/Train/ixi/t2/") + name + "_t2.nii.gz", Content::brain);
      write(std::string("reference/Data/Train/ixi/mask/") + name + "_t1_mask.nii.gz", Content::mask);
    }
    write_text("reference/Data/splits/avail_t2.csv", available);
    lesions("Brats21", "val", "BraTS2021_01122");
    lesions("Brats21", "test", "BraTS2021_00002");
    lesions("MSLUB", "val", "patient29");
    lesions("MSLUB", "test", "patient01");
  }
  void ixi(const std::string& table, const std::vector<std::string>& names) {
    std::string text =
        ",img_name,\"SEX_ID (1=m, 2=f)\",HEIGHT,age,label,img_path,mask_path,seg_path,Agegroup\n";
    int row = 7;
    for (const auto& name : names)
      text += std::to_string(row++) + "," + name + "_t1.nii.gz,1,170,41.5,0,/Train/ixi/t1/" + name +
              "_t1.nii.gz,/Train/ixi/mask/" + name + "_t1_mask.nii.gz,,40-50\n";
    write_text("reference/Data/splits/" + table + ".csv", text);
  }
  void lesions(const std::string& cohort, const std::string& part, const std::string& name) {
    const std::string folder = "/Test/" + cohort;
    write_text("reference/Data/splits/" + cohort + "_" + part + ".csv",
               ",img_name,\"Local ID\u00A0\",age,label,img_path,mask_path,seg_path\n0," + name + ",,,1," +
                   folder + "/t1/" + name + "_t1.nii.gz," + folder + "/mask/" + name + ".nii.gz," + folder +
                   "/seg/" + name + ".nii.gz\n");
    write("reference/Data" + folder + "/t2/" + name + "_t2.nii.gz", Content::brain);
    write("reference/Data" + folder + "/mask/" + name + ".nii.gz", Content::mask);
    write("reference/Data" + folder + "/seg/" + name + ".nii.gz", Content::lesion);
  }
  static std::vector<std::string> ids_of(const std::vector<CohortEntry>& entries, const std::string& set) {
    std::vector<std::string> ids;
    for (const auto& entry : entries)
      if (entry.set == set) ids.push_back(entry.id);
    return ids;
  }
};

TEST_F(ReferenceLayout, TablesAreReadWithPathsOfTheModalityAndCleanedSets) {
  const auto options = compose("reference");
  testing::internal::CaptureStderr();
  const auto entries = list_cohort(options);
  const auto said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(ids_of(entries, "train"), ElementsAre("IXI002-Guys-0828", "IXI012-HH-1211"));
  EXPECT_THAT(ids_of(entries, "val"), ElementsAre("IXI013-HH-1212"));
  EXPECT_THAT(ids_of(entries, "test"), ElementsAre("IXI014-HH-1236", "IXI030-IOP-0800", "IXI020-Guys-0700"));
  EXPECT_THAT(ids_of(entries, "brats21_test"), ElementsAre("BraTS2021_00002"));
  EXPECT_THAT(ids_of(entries, "mslub_val"), ElementsAre("patient29"));
  EXPECT_THAT(said, AllOf(HasSubstr("data.duplicates=drop: 1 volume is taken out"),
                          HasSubstr("data.leakage=drop: 3 volumes are taken out"),
                          HasSubstr("IXI014-HH-1236: is in train and in test")));
  const auto& healthy = entry(entries, "IXI012-HH-1211");
  EXPECT_EQ(healthy.image, scratch_ / "reference/Data/Train/ixi/t2/IXI012-HH-1211_t2.nii.gz");
  EXPECT_EQ(healthy.mask, scratch_ / "reference/Data/Train/ixi/mask/IXI012-HH-1211_t1_mask.nii.gz");
  EXPECT_EQ(healthy.age, 41.5);
  EXPECT_EQ(healthy.site, "HH");
  EXPECT_EQ(healthy.label, 0);
  EXPECT_EQ(entry(entries, "patient29").image,
            scratch_ / "reference/Data/Test/MSLUB/t2/patient29_t2.nii.gz");  // Q30
  EXPECT_EQ(entry(entries, "patient29").label, 1);
  expect_volumes(options, entries);
}

TEST_F(ReferenceLayout, TheReferenceProfileKeepsTheRowsAsTheyAre) {
  const auto options = compose("reference", {"profile=reference"});
  EXPECT_FALSE(options.reorient);
  const auto entries = list_cohort(options);
  EXPECT_THAT(ids_of(entries, "train"), ElementsAre("IXI002-Guys-0828", "IXI012-HH-1211", "IXI012-HH-1211-2",
                                                    "IXI013-HH-1212", "IXI014-HH-1236"));
  EXPECT_EQ(ids_of(entries, "test").size(), 3u);
}

TEST_F(ReferenceLayout, TheFoldersOwnNameIsLeftAlone) {
  // Q31: a root with "t1" in it.
  fs::create_directories(scratch_ / "copy_t1");
  fs::rename(scratch_ / "reference", scratch_ / "copy_t1" / "reference");
  ::setenv("GYRUS_DATA", (scratch_ / "copy_t1").c_str(), 1);
  const auto entries = list_cohort(compose("reference"));
  EXPECT_TRUE(fs::exists(entries[0].image)) << entries[0].image;
}

TEST_F(Cohorts, AFolderThatIsNotThereIsNamedWithItsOption) {
  EXPECT_THAT(test::error_of<DataError>([&] { list_cohort(compose("ixi")); }),
              AllOf(HasSubstr("data.source.ixi.folder"), HasSubstr("/ixi is not a folder")));
}

TEST_F(Cohorts, AnUnknownStepIsAConfigurationError) {
  EXPECT_THAT(test::error_of<ConfigError>([&] { compose("ixi", {"data.steps=[centre,rescal]"}); }),
              AllOf(HasSubstr("rescal"), HasSubstr("did you mean rescale?")));
}

}  // namespace
}  // namespace gyrus
