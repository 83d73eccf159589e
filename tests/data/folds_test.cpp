#include "data/folds.hpp"

#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "data/dataset.hpp"
#include "data/random.hpp"
#include "data/shard/manifest.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus::test {
namespace {

using testing::AllOf;
using testing::HasSubstr;

std::map<std::string, SubjectTraits> subjects(int count) {
  std::map<std::string, SubjectTraits> names;
  for (int i = 0; i < count; ++i) names["subject" + std::to_string(i)] = {std::nan(""), ""};
  return names;
}

/// 100 subjects of three sites of unequal size, with ages from 20 to 79 that are all different.
std::map<std::string, SubjectTraits> cohort() {
  std::map<std::string, SubjectTraits> all;
  for (int i = 0; i < 100; ++i)
    all["subject" + std::to_string(i)] = {20.0 + 0.6 * ((37 * i) % 100), i < 51   ? "Guys"
                                                                         : i < 82 ? "HH"
                                                                                  : "IOP"};
  return all;
}

std::vector<std::set<std::string>> parts_of(const std::map<std::string, SubjectTraits>& all,
                                            Division division) {
  std::vector<std::set<std::string>> parts;
  for (division.fold = 0; division.fold < division.folds; ++division.fold)
    parts.push_back(subjects_of_fold(all, division));
  return parts;
}

/// Most members that a fold has more than another, of the subjects in `group`.
std::size_t imbalance(const std::vector<std::set<std::string>>& parts,
                      const std::vector<std::string>& group) {
  std::size_t smallest = group.size(), largest = 0;
  for (const auto& part : parts) {
    const auto count = static_cast<std::size_t>(
        std::count_if(group.begin(), group.end(), [&](const auto& name) { return part.contains(name); }));
    smallest = std::min(smallest, count);
    largest = std::max(largest, count);
  }
  return largest - smallest;
}

std::vector<std::string> names_of(const std::map<std::string, SubjectTraits>& all) {
  std::vector<std::string> names;
  for (const auto& [name, traits] : all) names.push_back(name);
  return names;
}

/// Those of a site (of all for ""), from young to old.
std::vector<std::string> by_age(const std::map<std::string, SubjectTraits>& all, const std::string& site) {
  std::vector<std::string> names;
  for (const auto& [name, traits] : all)
    if (site.empty() || traits.site == site) names.push_back(name);
  std::sort(names.begin(), names.end(),
            [&](const auto& a, const auto& b) { return all.at(a).age < all.at(b).age; });
  return names;
}

std::vector<std::string> third(const std::vector<std::string>& names, std::size_t number) {
  return {names.begin() + static_cast<std::ptrdiff_t>(number * names.size() / 3),
          names.begin() + static_cast<std::ptrdiff_t>((number + 1) * names.size() / 3)};
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
      const auto part = subjects_of_fold(subjects(23), {folds, fold, 1, {}});
      EXPECT_GE(part.size(), static_cast<std::size_t>(23 / folds));
      EXPECT_LE(part.size(), static_cast<std::size_t>(23 / folds + 1));
      for (const auto& subject : part) EXPECT_TRUE(all.insert(subject).second) << subject;
    }
    EXPECT_EQ(all.size(), 23u);
  }
  EXPECT_EQ(subjects_of_fold(subjects(23), {5, 2, 1, {}}), subjects_of_fold(subjects(23), {5, 2, 1, {}}));
  EXPECT_NE(subjects_of_fold(subjects(23), {5, 2, 1, {}}), subjects_of_fold(subjects(23), {5, 2, 2, {}}));
}

TEST(Folds, WithoutStrataAreThePermutedPlacesModuloTheirNumber) {
  std::uint64_t index = 0;
  const auto part = subjects_of_fold(cohort(), {7, 3, 11, {}});
  for (const auto& [name, traits] : cohort())
    EXPECT_EQ(part.contains(name), permuted(index++, 100, 11, Stream::folds, 0) % 7 == 3) << name;
}

TEST(Folds, StratifiedOnesHaveEqualPartsOfEverySiteAndThirdOfItsAges) {
  const auto all = cohort();
  for (const std::int64_t folds : {2, 3, 5, 7})
    for (const std::int64_t seed : {1, 2, 3}) {
      const auto parts = parts_of(all, {folds, 0, seed, {"site", "age"}});
      std::multiset<std::string> held_out;
      for (const auto& part : parts) held_out.insert(part.begin(), part.end());
      EXPECT_EQ(held_out, (std::multiset<std::string>([&] {
                  const auto names = names_of(all);
                  return std::multiset<std::string>(names.begin(), names.end());
                }())));
      EXPECT_LE(imbalance(parts, names_of(all)), 1u);
      for (const char* site : {"Guys", "HH", "IOP"}) {
        EXPECT_LE(imbalance(parts, by_age(all, site)), 1u) << site;
        for (const std::size_t number : {0, 1, 2})
          EXPECT_LE(imbalance(parts, third(by_age(all, site), number)), 1u) << site << " third " << number;
      }
      EXPECT_EQ(parts, parts_of(all, {folds, 0, seed, {"age", "site"}}));
    }
}

TEST(Folds, StratifiedByOneOfAgeAndSiteBalanceThatOne) {
  const auto all = cohort();
  const auto of_ages = parts_of(all, {5, 0, 1, {"age"}}), of_sites = parts_of(all, {5, 0, 1, {"site"}});
  std::size_t worst_age = 0, worst_site = 0;
  for (const std::size_t number : {0, 1, 2}) {
    EXPECT_LE(imbalance(of_ages, third(by_age(all, ""), number)), 1u);
    worst_age = std::max(worst_age, imbalance(of_sites, third(by_age(all, ""), number)));
  }
  for (const char* site : {"Guys", "HH", "IOP"}) {
    EXPECT_LE(imbalance(of_sites, by_age(all, site)), 1u);
    worst_site = std::max(worst_site, imbalance(of_ages, by_age(all, site)));
  }
  EXPECT_GT(worst_age, 1u);
  EXPECT_GT(worst_site, 1u);
  // Neighbours in age are in different folds.
  const auto youngest = by_age(all, "");
  EXPECT_EQ(imbalance(of_ages, {youngest.begin(), youngest.begin() + 5}), 0u);
}

TEST(Folds, StratifiedOnesDependOnTheSeedAndNotOnTheListing) {
  std::vector<VolumeInfo> volumes;
  for (const auto& [name, traits] : cohort()) {
    VolumeInfo& volume = volumes.emplace_back(listed(name, name, "train", 0));
    volume.age = traits.age;
    volume.site = traits.site;
  }
  // Later visits of some: older, at another site or at an unknown one.
  for (int i = 0; i < 100; i += 9) {
    VolumeInfo again = volumes[static_cast<std::size_t>(i)];
    again.id += "-later";
    again.age = i % 2 == 0 ? std::nan("") : again.age + 30.0;
    again.site = i % 2 == 0 ? "" : "Z";
    volumes.push_back(again);
  }
  const Division division{5, 0, 1, {"site", "age"}};
  const auto parts = parts_of(dividable_subjects(volumes), division);
  EXPECT_EQ(parts, parts_of(cohort(), division));
  std::reverse(volumes.begin(), volumes.end());
  EXPECT_EQ(parts, parts_of(dividable_subjects(volumes), division));
  std::set<std::set<std::string>> divisions_of_seed_1(parts.begin(), parts.end()), of_seed_2;
  for (const auto& part : parts_of(cohort(), {5, 0, 2, {"site", "age"}})) of_seed_2.insert(part);
  EXPECT_NE(divisions_of_seed_1, of_seed_2);  // other parts, not the same ones in another order
}

TEST(Folds, SubjectsWithoutAgeOrSiteAreAGroupOfTheirOwn) {
  auto all = cohort();
  std::vector<std::string> unknown;
  for (int i = 0; i < 100; i += 4) {
    auto& traits = all["subject" + std::to_string(i)];
    traits.age = std::nan("");
    traits.site.clear();
    unknown.push_back("subject" + std::to_string(i));
  }
  EXPECT_LE(imbalance(parts_of(all, {5, 0, 1, {"age"}}), unknown), 1u);
  EXPECT_LE(imbalance(parts_of(all, {5, 0, 1, {"site", "age"}}), unknown), 1u);
}

TEST(Folds, StrataOfWhichNothingIsKnownAreRefused) {
  const auto message = [](const char* stratum) {
    return error_of<ConfigError>([&] { subjects_of_fold(subjects(9), {3, 0, 1, {stratum}}); });
  };
  EXPECT_THAT(message("age"), HasSubstr("data.fold_strata has age, but the age of none of the 9 healthy"));
  EXPECT_THAT(message("site"), HasSubstr("the site of none of the 9 healthy subjects of train and val"));
  DataOptions options = small_phantom("somewhere");
  options.fold_strata = {"age", "age"};
  EXPECT_THAT(error_of<ConfigError>([&] { options.validate(); }),
              HasSubstr("data.fold_strata names one twice"));
}

TEST(Folds, ImpossibleOnesAreRefused) {
  const auto message = [](std::int64_t folds, std::int64_t fold) {
    return error_of<ConfigError>([&] { subjects_of_fold(subjects(4), {folds, fold, 1, {}}); });
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
  EXPECT_EQ(names_of(dividable), (std::vector<std::string>{"a", "b"}));
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

TEST_F(PreparedFolds, AreStratifiedByWhatTheManifestKnows) {
  DataOptions divided = options();
  divided.folds = 3;
  divided.fold_strata = {"site"};
  EXPECT_THAT(error_of<ConfigError>([&] { Dataset::open(divided); }), HasSubstr("data.fold_strata has site"));
  auto manifest = Manifest::read(root());
  std::vector<std::string> of_site_a;
  for (auto& shard : manifest.shards)
    for (auto& volume : shard.volumes) {
      const bool is_a = volume.set == "train" && of_site_a.size() < 3;
      volume.site = is_a ? "A" : "B";
      if (is_a) of_site_a.push_back(volume.subject);
    }
  manifest.write(root());
  for (divided.fold = 0; divided.fold < 3; ++divided.fold) {
    const auto dataset = Dataset::open(divided);
    const auto& held_out = dataset.volumes("val_healthy");
    EXPECT_EQ(std::count_if(held_out.begin(), held_out.end(), [](const auto& v) { return v.site == "A"; }),
              1);
    EXPECT_EQ(dataset.read_volume("val_healthy", 0).site, held_out.front().site);
  }
}

}  // namespace
}  // namespace gyrus::test
