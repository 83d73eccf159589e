#include "data/folds.hpp"

#include <gmock/gmock.h>

#include "data/dataset.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::set<std::string> subjects(int count) {
  std::set<std::string> names;
  for (int i = 0; i < count; ++i) names.insert("subject" + std::to_string(i));
  return names;
}

VolumeInfo listed(const std::string& id, const std::string& subject, const std::string& set,
                  std::int64_t label) {
  VolumeInfo volume;
  volume.id = id;
  volume.subject = subject;
  volume.set = set;
  volume.label = label;
  return volume;
}

TEST(Folds, TileTheSubjectsInEqualParts) {
  for (const std::int64_t folds : {2, 3, 5}) {
    std::set<std::string> all;
    for (std::int64_t fold = 0; fold < folds; ++fold) {
      const auto part = subjects_of_fold(subjects(23), folds, fold, 1);
      EXPECT_GE(part.size(), static_cast<std::size_t>(23 / folds));
      EXPECT_LE(part.size(), static_cast<std::size_t>(23 / folds + 1));
      for (const auto& subject : part) EXPECT_TRUE(all.insert(subject).second) << subject;
    }
    EXPECT_EQ(all, subjects(23));
  }
  EXPECT_EQ(subjects_of_fold(subjects(23), 5, 2, 1), subjects_of_fold(subjects(23), 5, 2, 1));
  EXPECT_NE(subjects_of_fold(subjects(23), 5, 2, 1), subjects_of_fold(subjects(23), 5, 2, 2));
}

TEST(Folds, ImpossibleOnesAreRefused) {
  const auto message = [](std::int64_t folds, std::int64_t fold) {
    return error_of<ConfigError>([&] { subjects_of_fold(subjects(4), folds, fold, 1); });
  };
  EXPECT_THAT(message(3, 3), AllOf(HasSubstr("data.fold is 3"), HasSubstr("data.folds=3")));
  EXPECT_THAT(message(5, 0), AllOf(HasSubstr("data.folds is 5"), HasSubstr("4 healthy subjects")));
  DataOptions options = small_phantom("somewhere");
  options.fold = 1;
  EXPECT_THAT(error_of<ConfigError>([&] { options.validate(); }),
              AllOf(HasSubstr("data.fold is 1"), HasSubstr("data.folds=1")));
}

TEST(Folds, AllImagesOfASubjectStayTogetherAndLesionsStayOut) {
  const std::vector<VolumeInfo> volumes = {listed("a1", "a", "train", 0),
                                           listed("a2", "a", "val", 0),
                                           listed("b1", "b", "val", 0),
                                           listed("c1", "c", "val", 0),
                                           listed("c-lesion", "c", "synthetic_val", 1),
                                           listed("d1", "d", "test", 0)};
  const auto dividable = dividable_subjects(volumes);
  EXPECT_EQ(dividable, (std::set<std::string>{"a", "b"}));
  const auto place = [&](std::size_t i, const std::set<std::string>& held_out) {
    return set_in_fold(volumes[i], dividable, held_out, false);
  };
  EXPECT_EQ(place(0, {"a"}), "val");
  EXPECT_EQ(place(1, {"a"}), "val");
  EXPECT_EQ(place(1, {"b"}), "train");
  EXPECT_EQ(place(3, {"a"}), "val");  // its brain carries a lesion elsewhere: it never trains
  EXPECT_EQ(place(4, {"a"}), "synthetic_val");
  EXPECT_EQ(place(5, {"a"}), "test");
}

class PreparedFolds : public Prepared {};

TEST_F(PreparedFolds, LeaveTheShardsAndTheSetsWithLesionsAsTheyAre) {
  DataOptions whole = options();
  const auto before = Dataset::open(whole);
  std::multiset<std::string> seen;
  for (std::int64_t fold = 0; fold < 3; ++fold) {
    DataOptions divided = whole;
    divided.folds = 3;
    divided.fold = fold;
    const auto dataset = Dataset::open(divided);
    EXPECT_EQ(dataset.volumes("val").size(), before.volumes("val").size());  // the phantom's has lesions
    EXPECT_EQ(dataset.volumes("train").size() + dataset.volumes("val_healthy").size(), 7u);
    const auto& held_out = dataset.volumes("val_healthy");
    for (std::size_t i = 0; i < held_out.size(); ++i) {
      seen.insert(held_out[i].subject);
      const Volume volume = dataset.read_volume("val_healthy", static_cast<std::int64_t>(i));
      EXPECT_EQ(volume.id, held_out[i].id);
      EXPECT_EQ(volume.set, "val_healthy");
      const auto& listed_before = before.volumes("train");
      const auto same = std::find_if(listed_before.begin(), listed_before.end(),
                                     [&](const auto& info) { return info.id == volume.id; });
      ASSERT_NE(same, listed_before.end());
      EXPECT_EQ(before.read_volume("train", same - listed_before.begin()).image, volume.image);
    }
  }
  EXPECT_EQ(seen.size(), 7u);
  EXPECT_EQ(std::set<std::string>(seen.begin(), seen.end()).size(), 7u);
}

}  // namespace
}  // namespace gyrus::test
