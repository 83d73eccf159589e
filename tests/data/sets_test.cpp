// Which set a volume is in: drawn sets, volumes listed twice, subjects in two sets.
#include <gmock/gmock.h>

#include <cmath>
#include <map>
#include <set>

#include "data/source/cohort.hpp"
#include "tests/data/support.hpp"

namespace gyrus {
namespace {

using test::error_of;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

/// Two sources of tables; listing opens no image.
class Sets : public testing::Test {
 protected:
  Sets() {
    options_.sources = {"one", "two"};
    for (const auto& name : options_.sources) {
      auto& source = options_.source[name];
      source.folder = scratch_.path().string();
      source.table = name + ".csv";
      source.id = "{id}";
      source.image = "{id}.nii";
    }
    write("one", "B1,B,train\n");
    write("two", "X1,X,lesions\n");
  }
  void write(const std::string& source, const std::string& rows) {
    test::write_text(scratch_ / (source + ".csv"), "id,subject,split\n" + rows);
  }
  SourceOptions& source(const std::string& name) { return options_.source[name]; }
  /// "set/id" of every volume.
  std::vector<std::string> listed() {
    testing::internal::CaptureStderr();
    std::vector<std::string> names;
    for (const auto& entry : list_cohort(options_)) names.push_back(entry.set + "/" + entry.id);
    said_ = testing::internal::GetCapturedStderr();
    return names;
  }
  std::string error() {
    return error_of<DataError>([&] { list_cohort(options_); });
  }
  test::Scratch scratch_;
  DataOptions options_;
  std::string said_;
};

TEST_F(Sets, AVolumeListedTwiceIsAnErrorUnlessTheOptionSaysWhatToDo) {
  write("one", "A,A,train\nB,B,train\nA,A,train\nA,A,train\n");
  EXPECT_THAT(error(),
              AllOf(HasSubstr("A is listed twice in set train: "), HasSubstr("one.csv line 2 and "),
                    HasSubstr("one.csv line 4; list it once, give one another id, or data.duplicates=drop")));
  options_.duplicates = "drop";
  EXPECT_THAT(listed(), ElementsAre("train/A", "train/B", "lesions/X1"));
  EXPECT_THAT(said_, AllOf(HasSubstr("data.duplicates=drop: 2 volumes are taken out of the lists"),
                           HasSubstr("A: is in train twice, "), HasSubstr("one.csv line 5")));
  options_.duplicates = "keep";  // Q20
  EXPECT_THAT(listed(), ElementsAre("train/A", "train/B", "train/A-2", "train/A-3", "lesions/X1"));
  EXPECT_EQ(said_, "");
}

TEST_F(Sets, TwoSourcesThatPutOneNameInOneSetListItTwice) {
  write("two", "B1,B,train\n");
  EXPECT_THAT(error(), HasSubstr("B1 is listed twice in set train"));
}

TEST_F(Sets, ASubjectOfTwoSetsIsTakenOutOfTheOneThatMattersLess) {
  options_.leakage = "drop";
  write("one",
        "A1,A,train\nA2,A,val\nB1,B,val\nB2,B,test\nC1,C,train\nD1,D,a_val\nD2,D,a_test\nE1,E,train\n");
  write("two", "C2,C,lesions\nB3,B,lesions\n");
  // B's volumes in test and lesions stay: two sets that test may share subjects of different sources.
  EXPECT_THAT(listed(),
              ElementsAre("val/A2", "test/B2", "a_test/D2", "train/E1", "lesions/C2", "lesions/B3"));
  EXPECT_THAT(said_,
              AllOf(HasSubstr("data.leakage=drop: 4 volumes are taken out"),
                    HasSubstr("A1: is in train and in val"), HasSubstr("B1: is in val and in test"),
                    HasSubstr("C1: is in train and in lesions"), HasSubstr("D1: is in a_val and in a_test")));
  options_.leakage = "keep";
  EXPECT_EQ(listed().size(), 10u);
}

TEST_F(Sets, OfTwoTestSetsOfOneSourceTheLaterVolumeGoes) {
  options_.leakage = "drop";
  write("one", "A1,A,hypo\nA2,A,hyper\nB1,B,train\n");
  EXPECT_THAT(listed(), ElementsAre("hypo/A1", "train/B1", "lesions/X1"));
}

TEST_F(Sets, ValidationAndTestOfTwoSourcesMustNotShareSubjects) {
  write("one", "A1,A,val\n");
  write("two", "A2,A,test\n");
  EXPECT_THAT(error(), HasSubstr("subject A is in two sets: val"));
}

class DrawnSets : public Sets {
 protected:
  DrawnSets() {
    options_.sources = {"one"};
    std::string rows;
    for (int i = 0; i < 40; ++i)
      for (const char* visit : {"a", "b"})
        rows += "S" + std::to_string(i) + visit + ",S" + std::to_string(i) + ",x\n";
    write("one", rows);
    source("one").set = "train";
    source("one").val_share = 0.1;
    source("one").test_share = 0.25;
  }
  std::map<std::string, std::set<std::string>> subjects() {
    std::map<std::string, std::set<std::string>> subjects;
    for (const auto& entry : list_cohort(options_)) subjects[entry.set].insert(entry.subject);
    return subjects;
  }
};

TEST_F(DrawnSets, SharesAreOfSubjectsAndNoSubjectIsInTwoSets) {
  const auto sets = subjects();
  EXPECT_EQ(sets.at("val").size(), 4u);
  EXPECT_EQ(sets.at("test").size(), 10u);
  EXPECT_EQ(sets.at("train").size(), 26u);  // 40 in all, so none is in two
  EXPECT_EQ(list_cohort(options_).size(), 80u);
}

TEST_F(DrawnSets, TheDrawingDependsOnNamesAndSeedAlone) {
  const auto first = subjects();
  std::string rows;
  for (int i = 39; i >= 0; --i) rows += "S" + std::to_string(i) + ",S" + std::to_string(i) + ",x\n";
  write("one", rows);
  EXPECT_EQ(subjects(), first);
  source("one").split_seed = 2;
  EXPECT_NE(subjects(), first);
}

TEST_F(DrawnSets, SetsMayHaveOtherNamesAndSmallOnesHaveOneSubject) {
  source("one").set = "patients";
  source("one").val_set = "patients_val";
  source("one").val_share = 0.001;
  source("one").test_share = 0.0;
  const auto sets = subjects();
  EXPECT_EQ(sets.at("patients_val").size(), 1u);
  EXPECT_EQ(sets.at("patients").size(), 39u);
}

TEST_F(DrawnSets, AllSubjectsMayBeDrawn) {
  source("one").val_share = 0.7;
  source("one").test_share = 0.3;
  EXPECT_EQ(subjects().at("val").size(), 28u);
  EXPECT_EQ(subjects().size(), 2u);
}

TEST_F(DrawnSets, SharesThatMeetInTheMiddleOfASubjectAreStillAllOfThem) {
  std::string rows;
  for (int i = 0; i < 10; ++i) rows += "S" + std::to_string(i) + ",S" + std::to_string(i) + ",x\n";
  write("one", rows);
  source("one").val_share = 0.25;
  source("one").test_share = 0.75;
  EXPECT_EQ(subjects().at("val").size(), 3u);
  EXPECT_EQ(subjects().at("test").size(), 7u);
}

TEST_F(DrawnSets, TooFewSubjectsAreAnError) {
  write("one", "A,A,x\nB,B,x\n");
  EXPECT_EQ(error(), "data.source.one: 2 subjects cannot be divided by val_share=0.1 and test_share=0.25");
}

TEST_F(DrawnSets, OptionsOfASourceThatDoNotFitAreConfigurationErrors) {
  const auto config_error = [&] { return error_of<ConfigError>([&] { source("one").validate("one"); }); };
  EXPECT_EQ(config_error(), "");
  source("one").set = "{split}";
  EXPECT_THAT(config_error(), HasSubstr("so set is the name of the rest, as train; it is '{split}'"));
  source("one").set = "train";
  source("one").val_share = 0.9;
  EXPECT_THAT(config_error(), HasSubstr("val_share 0.9 and test_share 0.25 are more than all subjects"));
  source("one").val_share = 0.0;
  source("one").extract = "{a}";
  EXPECT_THAT(config_error(), HasSubstr("extract and extract_from go together"));
  source("one").extract_from = "{b";
  EXPECT_EQ(config_error(), "data.source.one.extract_from: '{b' has a brace that is not closed");
  source("one").extract_from = "{b}";
  source("one").table = "";
  source("one").scan = "{file}.nii";
  EXPECT_THAT(config_error(), HasSubstr("data.source.one.scan: {file} is the whole path that was found"));
  source("one").scan = "{a/b}.nii.gz";
  EXPECT_EQ(config_error(),
            "data.source.one.scan: '{a/b}.nii.gz' has the part {a/b}; a part is a name, without /");
  source("one").scan = "S{}.nii.gz";
  EXPECT_THAT(config_error(), HasSubstr("has the part {}; a part is a name"));
}

TEST_F(Sets, AgesThatAreNoNumbersAreUnknownAndSitesAreText) {
  test::write_text(scratch_ / "one.csv",
                   "id,subject,split,age,hospital\nA,A,train,31.5,Guys\nB,B,train,,\nC,C,train,31y,HH\nD,D,"
                   "train,inf,HH\n");
  options_.sources = {"one"};
  source("one").age = "{age}";
  source("one").site = "{hospital}";
  const auto entries = list_cohort(options_);
  EXPECT_EQ(entries[0].age, 31.5);
  EXPECT_EQ(entries[0].site, "Guys");
  for (const std::size_t i : {1, 2, 3}) EXPECT_TRUE(std::isnan(entries[i].age)) << i;
  EXPECT_EQ(entries[1].site, "");
}

TEST_F(Sets, AnEmptyFieldOfATableNamesNoFile) {
  test::write_text(scratch_ / "one.csv",
                   "id,subject,split,lesion,image\nA,A,train,,a.nii\nB,B,test,b.nii,b.nii\n");
  options_.sources = {"one"};
  source("one").lesion = "{lesion}";
  const auto entries = list_cohort(options_);
  EXPECT_EQ(entries[0].label, 0);
  EXPECT_TRUE(entries[0].lesion.empty());
  EXPECT_EQ(entries[1].label, 1);
  test::write_text(scratch_ / "one.csv", "id,subject,split,lesion,image\nA,A,train,,\n");
  source("one").image = "{image}";
  EXPECT_THAT(error(), HasSubstr("one.csv line 2 names no image"));
}

TEST_F(Sets, FilesMayBeAbsentOnlyWhereTheOptionSaysSo) {
  options_.sources = {"one"};
  write("one", "A,A,test\nB,B,test\n");
  source("one").lesion = "{id}_lesion.nii";
  source("one").mask = "{id}_mask.nii";
  test::write_text(scratch_ / "B_lesion.nii", "");
  EXPECT_EQ(list_cohort(options_)[0].label, 1);  // and its absence is an error when it is read
  source("one").optional = {"lesion"};
  auto entries = list_cohort(options_);
  EXPECT_EQ(entries[0].label, 0);
  EXPECT_EQ(entries[1].label, 1);
  EXPECT_FALSE(entries[0].mask.empty());
  source("one").optional = {"lesion", "mask"};
  EXPECT_EQ(
      error(),
      "data.source.one: not one volume has a mask file as '{id}_mask.nii'; name none if there are none");
  test::write_text(scratch_ / "A_mask.nii", "");
  EXPECT_TRUE(list_cohort(options_)[1].mask.empty());
}

TEST_F(Sets, ADataSetOfNoSubjectsIsAnError) {
  write("one", "");
  EXPECT_THAT(error(), HasSubstr("one.csv has no rows"));
}

}  // namespace
}  // namespace gyrus
