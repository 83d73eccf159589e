#include "trainer/feed/device_feed.hpp"

#include <torch/torch.h>

#include <vector>

#include "data/augment/augment.hpp"
#include "trainer/feed/device_augment.hpp"
#include "trainer/feed/device_cache.hpp"
#include "trainer/feed/device_slices.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {
namespace {

/// Each batch is copied when it is ready. On the CPU there is nowhere to copy to.
class CopyFeed : public DeviceFeed {
 public:
  explicit CopyFeed(torch::Device device) : device_(device), stream_(make_side_stream(device)) {}

  Loader::Pixels pixels() const override { return Loader::Pixels::read; }

  void send(Batch& batch) const override {
    if (device_.is_cpu()) return;
    auto slices = std::make_shared<DeviceSlices>();
    slices->wait = stream_->run([&] { *slices = copy_to_device(batch, device_); });
    batch.on_device = std::move(slices);
  }

 private:
  torch::Device device_;
  std::unique_ptr<SideStream> stream_;
};

/// Slices of the cache, augmented on the device.
class CacheFeed : public DeviceFeed {
 public:
  CacheFeed(std::shared_ptr<const DeviceCache> cache, const std::vector<VolumeInfo>& volumes,
            const AugmentOptions& augment, std::uint64_t seed, torch::Device device)
      : cache_(std::move(cache)),
        volumes_(volumes),
        augment_(augment),
        seed_(seed),
        device_(device),
        stream_(make_side_stream(device)) {}

  Loader::Pixels pixels() const override { return Loader::Pixels::left_out; }

  void send(Batch& batch) const override {
    const torch::NoGradGuard no_gradient;
    auto slices = std::make_shared<DeviceSlices>();
    slices->wait = stream_->run([&] {
      slices->noise = copy_to_device(batch, device_).noise;
      gather(batch, *slices);
    });
    batch.on_device = std::move(slices);
  }

 private:
  void gather(const Batch& batch, DeviceSlices& slices) const {
    std::vector<torch::Tensor> images, masks;
    for (const Sample& sample : batch.samples) {
      const auto& volume = volumes_[static_cast<std::size_t>(sample.volume)];
      const auto slice = augment_on_device(draw_augmentation(augment_, seed_, sample, volume), sample.slice,
                                           cache_->images()[sample.volume], cache_->masks()[sample.volume]);
      images.push_back(slice.image);
      masks.push_back(slice.mask);
    }
    const std::vector<std::int64_t> shape = {-1, 1, batch.height, batch.width};
    slices.images = images.empty()
                        ? torch::empty({0, 1, batch.height, batch.width}, cache_->images().options())
                        : torch::stack(images).view(shape);
    slices.masks = masks.empty() ? torch::empty({0, 1, batch.height, batch.width}, cache_->masks().options())
                                 : torch::stack(masks).view(shape);
  }

  std::shared_ptr<const DeviceCache> cache_;
  std::vector<VolumeInfo> volumes_;
  AugmentOptions augment_;
  std::uint64_t seed_;
  torch::Device device_;
  std::unique_ptr<SideStream> stream_;
};

}  // namespace

std::unique_ptr<DeviceFeed> make_device_feed(const DataOptions& options, const std::string& set,
                                             std::uint64_t seed, const JobData& job, torch::Device device,
                                             std::size_t num_threads) {
  if (job.source.policy != "device_cache") return std::make_unique<CopyFeed>(device);
  auto cache = std::make_shared<const DeviceCache>(*job.dataset, set, device, num_threads);
  job.dataset->read_through(set, cache);
  return std::make_unique<CacheFeed>(std::move(cache), job.dataset->volumes(set), options.augment, seed,
                                     device);
}

}  // namespace gyrus
