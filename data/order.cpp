#include "data/order.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {

SampleOrder::SampleOrder(const Dataset& dataset, const std::string& set, const std::string& policy,
                         double min_brain_fraction, std::uint64_t seed)
    : seed_(seed), all_slices_(policy == "all_slices"), depth_(dataset.depth()) {
  if (policy != "slice" && policy != "all_slices") {
    throw ConfigError(fmt::format("data.slice_policy is '{}'; it is one of: slice, all_slices", policy));
  }
  const double slice_pixels = static_cast<double>(dataset.height() * dataset.width());
  const auto& volumes = dataset.volumes(set);
  for (std::size_t volume = 0; volume < volumes.size(); ++volume) {
    const auto& brain_pixels = volumes[volume].brain_pixels;
    first_.push_back(eligible_.size());
    for (std::size_t slice = 0; slice < brain_pixels.size(); ++slice) {
      if (static_cast<double>(brain_pixels[slice]) >= min_brain_fraction * slice_pixels) {
        eligible_.push_back(static_cast<std::uint32_t>(slice));
      }
    }
    if (eligible_.size() > first_.back()) volumes_.push_back(static_cast<std::uint32_t>(volume));
  }
  first_.push_back(eligible_.size());
  samples_per_epoch_ = all_slices_ ? eligible_.size() : volumes_.size();
  if (samples_per_epoch_ == 0) {
    throw DataError(fmt::format("no slice of set {} has a brain share of data.min_brain_fraction={}", set,
                                min_brain_fraction));
  }
}

Sample SampleOrder::at(std::uint64_t global_index) const {
  Sample sample;
  sample.global_index = global_index;
  sample.epoch = global_index / samples_per_epoch_;
  const std::uint64_t position =
      permuted(global_index % samples_per_epoch_, samples_per_epoch_, seed_, Stream::order, sample.epoch);
  std::uint64_t entry = position;  // of eligible_
  if (all_slices_) {
    sample.volume = std::upper_bound(first_.begin(), first_.end(), entry) - first_.begin() - 1;
  } else {
    sample.volume = volumes_[position];
    Random random(seed_, Stream::slice, sample.epoch, static_cast<std::uint64_t>(sample.volume));
    entry = first_[sample.volume] + random.below(first_[sample.volume + 1] - first_[sample.volume]);
  }
  sample.slice = eligible_[entry];
  sample.id = static_cast<std::uint64_t>(sample.volume * depth_ + sample.slice);
  return sample;
}

}  // namespace gyrus
