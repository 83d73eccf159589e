// Preparation of the real data of the shared folder.
#include <gmock/gmock.h>

#include <cmath>
#include <numeric>

#include "data/dataset.hpp"
#include "data/source/cohort.hpp"
#include "launch/config/config.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

std::filesystem::path data_folder() {
  return test::shared_folder("GYRUS_DATA", "data");
}

class SharedData : public testing::Test {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(data_folder() / "ixi_t1_2mm" / "split.csv")) {
      GTEST_SKIP() << "skipped: no data at " << data_folder().string();
    }
    ::setenv("GYRUS_DATA", data_folder().c_str(), 1);
    test::write_text(scratch_ / "data_test.yaml", "defaults:\n  - data: ixi_shared_4mm\n");
    Config::compose({.config_folder = test::source_dir() / "configs",
                     .extra_folders = {scratch_.path()},
                     .config_name = "data_test",
                     .overrides = {}})
        .bind("data", options_);
    options_.root = (scratch_ / "prepared").string();
  }
  test::Scratch scratch_;
  DataOptions options_;
};

TEST_F(SharedData, TheCohortHasItsSplitsLesionSetsAndAges) {
  std::map<std::string, int> volumes;
  int known_ages = 0;
  for (const auto& entry : list_cohort(options_)) {
    ++volumes[entry.set];
    known_ages += !std::isnan(entry.age);
    EXPECT_TRUE(std::filesystem::exists(entry.image)) << entry.image;
    EXPECT_EQ(entry.label, entry.lesion.empty() ? 0 : 1);
  }
  for (const char* set : {"train", "val", "test", "synthetic_val", "synthetic_test", "mslub", "tcga_lgg"}) {
    EXPECT_GT(volumes[set], 0) << set;
  }
  EXPECT_GT(known_ages, 50);  // the table of ages lists about half of the subjects
}

TEST_F(SharedData, PreparedBrainsAreWholeAndLesionsAreKept) {
  options_.sources = {"synthetic", "mslub", "tcga_lgg"};
  test::world();
  prepare_dataset(options_, test::world());
  const auto dataset = Dataset::open(options_);
  for (const auto& set : dataset.sets()) {
    for (const auto& volume : dataset.volumes(set)) {
      const auto brain = volume.brain_voxels, lesion = volume.lesion_voxels;
      const double litres = static_cast<double>(brain) * 64e-6;  // voxels of 4 mm, 50 of 80 slices
      EXPECT_GT(litres, 0.8) << volume.id;
      EXPECT_LT(litres, 2.0) << volume.id;
      EXPECT_GT(lesion, 0) << volume.id;
      EXPECT_LT(lesion, brain / 5) << volume.id;
      EXPECT_EQ(volume.spacing, (std::array<double, 3>{4, 4, 4}));
    }
  }
  const auto volume = dataset.read_volume("synthetic_val", 0);
  const auto [smallest, largest] = std::minmax_element(volume.image.begin(), volume.image.end());
  EXPECT_GE(*smallest, 0.0f);
  EXPECT_LE(*largest, 1.0f);
}

TEST_F(SharedData, WholeHeadsInAnotherAxisOrderAreReorientedLikeTheirBrains) {
  const auto raw = data_folder() / "ixi_t1_2mm_raw";
  if (!std::filesystem::exists(raw)) GTEST_SKIP() << "skipped: no data at " << raw.string();
  options_.downsample = 1;
  options_.image_size = {96, 96, 50};
  options_.clip = true;
  const std::string subject = "IXI013-HH-1212";
  const auto prepared_brain = [&](const std::string& name, const SourceOptions& source) {
    auto options = options_;
    options.sources = {name};
    options.source[name] = source;
    return make_volume(options, list_cohort(options).front());
  };
  SourceOptions stripped;
  stripped.folder = (data_folder() / "ixi_t1_2mm").string();
  stripped.subjects = {subject};
  stripped.set = "stripped";
  stripped.image = "{subject}_T1_brain.nii.gz";
  SourceOptions whole_head = stripped;
  whole_head.folder = raw.string();
  whole_head.image = "t1/{subject}_T1.nii.gz";
  whole_head.mask = "dlmuse/{subject}_T1_DLMUSE.nii.gz";
  const auto brain = prepared_brain("stripped", stripped), head = prepared_brain("whole_head", whole_head);
  // The two are cropped about different centres; the brains' extents along each axis agree all the same.
  const auto extent = [](const Volume& volume, int axis) {
    std::int64_t first = 1 << 20, last = -1;
    for (std::int64_t i = 0; i < static_cast<std::int64_t>(volume.mask.size()); ++i) {
      if (volume.mask[i] == 0) continue;
      const std::int64_t at = axis == 0 ? i / volume.width % volume.height : i % volume.width;
      first = std::min(first, at);
      last = std::max(last, at);
    }
    return last - first + 1;
  };
  EXPECT_NEAR(static_cast<double>(extent(brain, 0)), static_cast<double>(extent(head, 0)), 4);
  EXPECT_NEAR(static_cast<double>(extent(brain, 1)), static_cast<double>(extent(head, 1)), 4);
}

/// Share of voxels that two masks have in common (Dice) and correlation of the intensities there.
std::pair<double, double> agreement(const Volume& a, const Volume& b) {
  double both = 0, sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  const auto all = [](const Volume& v) { return std::accumulate(v.mask.begin(), v.mask.end(), 0.0); };
  for (std::size_t i = 0; i < a.mask.size(); ++i) {
    if (a.mask[i] == 0 || b.mask[i] == 0) continue;
    const double x = a.image[i], y = b.image[i];
    ++both, sum_a += x, sum_b += y, aa += x * x, bb += y * y, ab += x * y;
  }
  const double covariance = ab - sum_a * sum_b / both;
  return {2 * both / (all(a) + all(b)),
          covariance / std::sqrt((aa - sum_a * sum_a / both) * (bb - sum_b * sum_b / both))};
}

TEST_F(SharedData, AWholeHeadThatIsResampledStrippedAndBoxedIsItsStrippedBrain) {
  const auto raw = data_folder() / "ixi_t1_2mm_raw";
  if (!std::filesystem::exists(raw)) GTEST_SKIP() << "skipped: no data at " << raw.string();
  options_.curvature_flow = false;
  options_.image_size = {96, 96, 80};
  options_.sources = {"brain"};
  SourceOptions brain;
  brain.folder = (data_folder() / "ixi_t1_2mm").string();
  brain.subjects = {"IXI013-HH-1212"};
  brain.set = "brain";
  brain.image = "{subject}_T1_brain.nii.gz";
  const auto made = [&](const SourceOptions& source, std::vector<std::string> steps,
                        std::int64_t downsample) {
    options_.steps = std::move(steps);
    options_.downsample = downsample;
    options_.source["brain"] = source;
    options_.validate();
    return make_volume(options_, list_cohort(options_).front());
  };
  const auto stripped = made(brain, {"brain_box", "centre", "rescale"}, 1);
  SourceOptions head = brain;
  head.folder = raw.string();
  head.subjects = {};
  head.scan = "t1/IXI013-{site}-{code}_T1.nii.gz";
  head.subject = head.id = "IXI013-{site}-{code}";
  head.image = "";
  head.mask = "dlmuse/IXI013-{site}-{code}_T1_DLMUSE.nii.gz";
  const auto boxed = made(head, {"strip", "brain_box", "centre", "rescale"}, 1);
  const auto [dice, correlation] = agreement(stripped, boxed);
  EXPECT_GT(dice, 0.95);  // the stripped file is 0 in some of the fluid, which the mask has
  EXPECT_GT(correlation, 0.999);
  // By way of 1 mm: voxel k of 2 mm is sampled at 2k + 0.5 mm, a quarter of a voxel aside.
  options_.resample.interpolation = "bspline";
  const auto resampled = made(head, {"resample", "strip", "brain_box", "centre", "rescale", "downsample"}, 2);
  const auto [dice_1mm, correlation_1mm] = agreement(stripped, resampled);
  EXPECT_GT(dice_1mm, 0.94);
  EXPECT_GT(correlation_1mm, 0.95);
  EXPECT_EQ(resampled.spacing, (std::array<double, 3>{2, 2, 2}));
}

}  // namespace
}  // namespace gyrus
