// Slices in the device's memory against slices that are read: the same ones, augmented alike.
#include <gmock/gmock.h>
#include <torch/torch.h>

#include "data/augment/augment.hpp"
#include "data/loader.hpp"
#include "data/placement/job_data.hpp"
#include "data/random.hpp"
#include "data/storage/h5.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"
#include "trainer/feed/device_augment.hpp"
#include "trainer/feed/device_cache.hpp"
#include "trainer/feed/device_feed.hpp"
#include "trainer/feed/device_slices.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;

constexpr AugmentOptions everything{.gamma = 0.5,
                                    .bias_field = 0.5,
                                    .blur = 0.5,
                                    .ghosting = 0.7,
                                    .flip = 0.5,
                                    .elastic = 0.5,
                                    .invert = 0.3};

TEST(DeviceAugment, EqualsTheCpusForEveryMixOfOperations) {
  const SliceShape shape{10, 24, 20};
  torch::manual_seed(1);
  const torch::Tensor images = torch::rand({shape.depth, shape.height, shape.width});
  const torch::Tensor masks = (torch::rand({shape.depth, shape.height, shape.width}) < 0.6).to(torch::kUInt8);
  const auto pixels = static_cast<std::size_t>(shape.height * shape.width);
  int num_changed = 0;
  for (std::uint64_t epoch = 0; epoch < 300; ++epoch) {
    const auto drawn = draw_augmentation(everything, 1, epoch, 7, {2.0, 2.0, 2.0});
    const auto slice = static_cast<std::int64_t>(epoch % 10);
    torch::Tensor image = images[slice].clone(), mask = masks[slice].clone();
    if (drawn.changes_intensities())
      augment_slice(
          drawn, shape, slice,
          [&](std::int64_t j, float* out) { std::copy_n(images[j].data_ptr<float>(), pixels, out); },
          image.data_ptr<float>());
    transform_slice(drawn, shape, image.data_ptr<float>(), mask.data_ptr<std::uint8_t>());
    const auto on_device = augment_on_device(drawn, slice, images, masks);
    const double tolerance = drawn.gamma ? 1e-5 : 5e-7 * image.abs().max().item<double>();
    EXPECT_LE((on_device.image - image).abs().max().item<double>(), tolerance) << "epoch " << epoch;
    EXPECT_TRUE(torch::equal(on_device.mask, mask)) << "epoch " << epoch;
    num_changed += !torch::equal(image, images[slice]);
  }
  EXPECT_GT(num_changed, 250);
}

class FeedTest : public test::Prepared {
 protected:
  JobData open(const std::string& policy, DataOptions options) {
    options.source_policy = policy;
    return open_for_job(options, "train", test::world(), find_topology(test::world()));
  }
  /// 35 steps of 4: sample ids, images, masks and noise as the step gets them.
  struct Shown {
    std::vector<std::uint64_t> ids;
    torch::Tensor images, masks, noise;
    std::size_t num_substitutions = 0;
  };
  Shown show(const std::string& policy, const DataOptions& options) {
    const auto job = open(policy, options);
    const auto feed = make_device_feed(options, "train", 3, job, torch::kCPU, 2);
    Loader loader(job.dataset, "train", SampleOrder(*job.dataset, "train", options.order, 3), options, 3,
                  feed->pixels());
    loader.start(
        0, 35,
        [](std::uint64_t step) {
          return std::pair{4 * step, 4 * step + 4};
        },
        [&](Batch& batch) {
          batch.noise.assign(4 * 360, static_cast<float>(batch.samples.front().global_index));
          feed->send(batch);
        });
    Shown shown;
    std::vector<torch::Tensor> images, masks, noise;
    for (int step = 0; step < 35; ++step) {
      const Batch batch = loader.next();
      for (const auto& sample : batch.samples) shown.ids.push_back(sample.id);
      const auto slices = slices_on_device(batch, torch::kCPU);
      images.push_back(slices.images);
      masks.push_back(slices.masks);
      noise.push_back(slices.noise);
    }
    shown.images = torch::cat(images);
    shown.masks = torch::cat(masks);
    shown.noise = torch::cat(noise);
    shown.num_substitutions = loader.take_substitutions().size();
    return shown;
  }
};

TEST_F(FeedTest, TheDevicesSlicesAreThoseOfTheShardsBitForBit) {
  const auto read = show("stream", options()), cached = show("device_cache", options());
  EXPECT_EQ(cached.ids, read.ids);
  EXPECT_EQ(read.images.sizes(), (std::vector<std::int64_t>{140, 1, 20, 18}));
  EXPECT_TRUE(torch::equal(cached.images, read.images));
  EXPECT_TRUE(torch::equal(cached.masks, read.masks));
  EXPECT_TRUE(torch::equal(cached.noise, read.noise));
}

TEST_F(FeedTest, AugmentedOnTheDeviceTheyAreTheSameToRounding) {
  auto augmented = options();
  augmented.augment = everything;
  const auto read = show("stream", augmented), cached = show("device_cache", augmented);
  EXPECT_LE((cached.images - read.images).abs().max().item<double>(), 1e-5);
  EXPECT_TRUE(torch::equal(cached.masks, read.masks));
  EXPECT_GT((read.images - show("stream", options()).images).abs().max().item<double>(), 0.1);
}

TEST_F(FeedTest, SubstitutesAreThoseOfReading) {
  const auto shard = root() / "train-00001.h5";
  const auto index = h5::File::open(shard).read<std::uint64_t>("index/image");
  std::string bytes = read_file(shard);
  for (const std::size_t slice : {0, 3, 7, 8}) bytes[index[3 * slice] + 10] ^= 1;
  test::write_text(shard, bytes);
  auto faulty = options();
  faulty.faults = "substitute";
  faulty.augment = everything;  // a ghost along z needs every slice of its volume
  const auto read = show("stream", faulty);
  testing::internal::CaptureStderr();
  const auto cached = show("device_cache", faulty);
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("4 slices of train are not in the cache"));
  EXPECT_EQ(cached.ids, read.ids);
  EXPECT_GT(read.num_substitutions, 5u);
  EXPECT_EQ(cached.num_substitutions, read.num_substitutions);
  EXPECT_LE((cached.images - read.images).abs().max().item<double>(), 1e-5);
  faulty.faults = "fail";
  EXPECT_THAT(test::error_of<DataError>([&] { show("device_cache", faulty); }), HasSubstr("is damaged"));
}

TEST_F(FeedTest, ASliceThatIsMendedMeanwhileAsksForANewStart) {
  const auto shard = root() / "train-00000.h5";
  const auto index = h5::File::open(shard).read<std::uint64_t>("index/image");
  const std::string whole = read_file(shard);
  std::string bytes = whole;
  bytes[index[0] + 10] ^= 1;
  test::write_text(shard, bytes);
  auto filling = std::make_shared<Dataset>(Dataset::open(options()));
  const auto cache = std::make_shared<const DeviceCache>(*filling, "train", torch::kCPU, 1);
  test::write_text(shard, whole);
  auto dataset = Dataset::open(options());
  dataset.read_through("train", cache);
  EXPECT_NO_THROW(dataset.check_slice("train", 0, 1, true));
  EXPECT_THAT(test::error_of<DataError>([&] { dataset.check_slice("train", 0, 0, false); }),
              HasSubstr("slice 0 could not be read when this job began, and can be now: start again"));
}

TEST(SideStream, AGpuIsRefusedByABuildWithoutThem) {
  if (GYRUS_HAS_CUDA) GTEST_SKIP() << "skipped: this build has them";
  EXPECT_THAT(test::error_of<NotBuiltError>([] { make_side_stream(torch::Device(torch::kCUDA, 0)); }),
              HasSubstr("build the preset `cuda`"));
  EXPECT_THAT(test::error_of<NotBuiltError>([] { free_device_bytes(torch::Device(torch::kCUDA, 0)); }),
              HasSubstr("build the preset `cuda`"));
}

TEST(DeviceRoom, ASetThatTakesMoreThanHalfOfItIsRefusedWithTheNumbers) {
  EXPECT_NO_THROW(check_device_room(40'000'000'000, 80'000'000'000, torch::kCPU));
  EXPECT_THAT(
      test::error_of<ConfigError>([] { check_device_room(41'000'000'000, 80'000'000'000, torch::kCPU); }),
      HasSubstr("the training set takes 41.0 GB decoded, 80.0 GB are free on cpu, of which half may be "
                "used; take auto"));
}

}  // namespace
}  // namespace gyrus
