#include "data/order.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "data/random.hpp"
#include "launch/error.hpp"

namespace gyrus {

UsableSlices::UsableSlices(const Dataset& dataset, const std::string& set, double min_brain_fraction)
    : num_volumes_(static_cast<std::int64_t>(dataset.volumes(set).size())),
      depth_(dataset.depth()),
      total_(static_cast<std::uint64_t>(num_volumes_ * depth_)),
      all_(min_brain_fraction <= 0.0) {
  if (all_) return;
  const double slice_pixels = static_cast<double>(dataset.height() * dataset.width());
  const auto brain_pixels = dataset.brain_pixels(set);
  usable_.resize(brain_pixels.size());
  total_ = 0;
  for (std::size_t i = 0; i < brain_pixels.size(); ++i) {
    if (i % static_cast<std::size_t>(depth_) == 0) first_.push_back(total_);
    usable_[i] = static_cast<double>(brain_pixels[i]) >= min_brain_fraction * slice_pixels;
    total_ += usable_[i];
  }
  first_.push_back(total_);
  if (total_ == 0)
    throw DataError(fmt::format("no slice of set {} has a brain share of data.min_brain_fraction={}", set,
                                min_brain_fraction));
}

std::int64_t UsableSlices::in_volume(std::int64_t volume) const {
  return all_ ? depth_ : static_cast<std::int64_t>(first_[volume + 1] - first_[volume]);
}

std::int64_t UsableSlices::nth_of_volume(std::int64_t volume, std::int64_t rank) const {
  require(rank >= 0 && rank < in_volume(volume), "a usable slice is one of its volume's");
  if (all_) return rank;
  std::int64_t slice = 0;
  while (!usable_[volume * depth_ + slice] || rank-- > 0) ++slice;
  return slice;
}

std::pair<std::int64_t, std::int64_t> UsableSlices::find(std::uint64_t entry) const {
  if (all_) {
    const auto depth = static_cast<std::uint64_t>(depth_);
    return {static_cast<std::int64_t>(entry / depth), static_cast<std::int64_t>(entry % depth)};
  }
  const auto volume = std::upper_bound(first_.begin(), first_.end(), entry) - first_.begin() - 1;
  return {volume, static_cast<std::int64_t>(entry - first_[volume])};
}

SampleOrder::SampleOrder(const Dataset& dataset, const std::string& set, const OrderOptions& options,
                         std::uint64_t seed)
    : seed_(seed),
      policy_(options.slice_policy),
      block_slices_(static_cast<std::uint64_t>(options.block_slices)),
      window_blocks_(static_cast<std::uint64_t>(options.window_blocks)),
      depth_(dataset.depth()),
      slices_(dataset, set, options.min_brain_fraction) {
  for (std::int64_t volume = 0; shows_volumes_once() && volume < slices_.num_volumes(); ++volume)
    if (slices_.in_volume(volume) > 0) volumes_.push_back(static_cast<std::uint32_t>(volume));
}

std::uint64_t SampleOrder::samples_per_epoch() const {
  return shows_volumes_once() ? volumes_.size() : slices_.total();
}

std::int64_t SampleOrder::rank_in_volume(std::uint64_t position, std::uint64_t epoch,
                                         std::int64_t volume) const {
  const std::int64_t usable = slices_.in_volume(volume);
  Random random(seed_, Stream::slice, epoch, static_cast<std::uint64_t>(volume));
  if (policy_ == "slice") return static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(usable)));
  // Each volume gets one of as many strata of the height as there are volumes.
  const std::uint64_t stratum = permuted(position, volumes_.size(), seed_, Stream::stratum, epoch);
  const double height =
      (static_cast<double>(stratum) + random.uniform()) / static_cast<double>(volumes_.size());
  return std::min(usable - 1, static_cast<std::int64_t>(height * static_cast<double>(usable)));
}

std::uint64_t SampleOrder::entry_in_blocks(std::uint64_t position, std::uint64_t epoch) const {
  const std::uint64_t total = slices_.total();
  const std::uint64_t window_slices = block_slices_ * window_blocks_;
  const std::uint64_t window = position / window_slices, begin = window * window_slices;
  const std::uint64_t window_seed = Random(seed_, Stream::order_window, epoch, window).next64();
  std::uint64_t entry = begin + permuted(position - begin, std::min(window_slices, total - begin),
                                         window_seed, Stream::order_window, epoch);
  const std::uint64_t num_blocks = (total + block_slices_ - 1) / block_slices_;
  // The last block may be shorter. Entries beyond its end follow the permutation on until they are inside, so
  // that every entry has exactly one position.
  do {
    entry = permuted(entry / block_slices_, num_blocks, seed_, Stream::order, epoch) * block_slices_ +
            entry % block_slices_;
  } while (entry >= total);
  return entry;
}

Sample SampleOrder::at(std::uint64_t global_index) const {
  Sample sample;
  sample.global_index = global_index;
  sample.epoch = global_index / samples_per_epoch();
  const std::uint64_t in_epoch = global_index % samples_per_epoch();
  std::int64_t rank = 0;
  if (policy_ == "block") {
    std::tie(sample.volume, rank) = slices_.find(entry_in_blocks(in_epoch, sample.epoch));
  } else {
    const std::uint64_t position =
        permuted(in_epoch, samples_per_epoch(), seed_, Stream::order, sample.epoch);
    if (policy_ == "all_slices") {
      std::tie(sample.volume, rank) = slices_.find(position);
    } else {
      sample.volume = volumes_[position];
      rank = rank_in_volume(in_epoch, sample.epoch, sample.volume);
    }
  }
  sample.slice = slices_.nth_of_volume(sample.volume, rank);
  sample.id = static_cast<std::uint64_t>(sample.volume * depth_ + sample.slice);
  return sample;
}

Sample SampleOrder::substitute(const Sample& sample, std::uint64_t attempt) const {
  Random random(seed_, Stream::substitute, sample.epoch, sample.global_index);
  std::uint64_t place = 0;
  for (std::uint64_t i = 0; i <= attempt; ++i) place = random.below(samples_per_epoch());
  Sample other = at(sample.epoch * samples_per_epoch() + place);
  other.global_index = sample.global_index;
  return other;
}

}  // namespace gyrus
