#include "data/placement/node_cache.hpp"

#include <algorithm>
#include <cstring>
#include <vector>

#include "data/in_threads.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

std::int64_t slices_of(const Dataset& dataset, const std::string& set) {
  return static_cast<std::int64_t>(dataset.volumes(set).size()) * dataset.depth();
}

std::size_t pixels_of(const Dataset& dataset) {
  return static_cast<std::size_t>(dataset.height() * dataset.width());
}

}  // namespace

std::uint64_t NodeCache::bytes_of(const Dataset& dataset, const std::string& set) {
  const std::size_t bytes_per_slice = pixels_of(dataset) * (sizeof(float) + sizeof(std::uint8_t)) + 1;
  return static_cast<std::uint64_t>(slices_of(dataset, set)) * bytes_per_slice;
}

NodeCache::NodeCache(const Dataset& dataset, const std::string& set, const mpi::Communicator& node,
                     std::size_t num_threads)
    : depth_(dataset.depth()),
      num_slices_(slices_of(dataset, set)),
      pixels_(pixels_of(dataset)),
      memory_(node, bytes_of(dataset, set)),
      images_(reinterpret_cast<float*>(memory_.bytes().data())),
      masks_(reinterpret_cast<std::uint8_t*>(images_ + static_cast<std::size_t>(num_slices_) * pixels_)),
      present_(masks_ + static_cast<std::size_t>(num_slices_) * pixels_) {
  if (node.rank() == 0) std::fill_n(present_, num_slices_, std::uint8_t{0});
  memory_.publish(node);
  std::vector<std::int64_t> mine;
  for (std::int64_t volume = node.rank(); volume < num_slices_ / depth_; volume += node.size())
    mine.push_back(volume);
  in_threads(mine.size(), num_threads, [&](std::size_t i) { fill(dataset, set, mine[i]); });
  memory_.publish(node);
  num_missing_ = std::count(present_, present_ + num_slices_, std::uint8_t{0});
}

void NodeCache::fill(const Dataset& dataset, const std::string& set, std::int64_t volume) {
  for (std::int64_t slice = 0; slice < depth_; ++slice) {
    const auto index = static_cast<std::size_t>(volume * depth_ + slice);
    try {
      dataset.read_slice(set, volume, slice, images_ + index * pixels_, masks_ + index * pixels_);
      present_[index] = 1;
    } catch (const QuarantinedError&) {
      continue;
    } catch (const DataError&) {
      return;  // a failing disk answers late: the rest of this volume is asked for when it is wanted
    }
  }
}

bool NodeCache::has(std::int64_t volume, std::int64_t slice, bool /*with_mask*/) const {
  const std::int64_t index = volume * depth_ + slice;
  require(index < num_slices_, "a cached set is asked for slices that it has");
  return present_[index] != 0;
}

bool NodeCache::read(std::int64_t volume, std::int64_t slice, float* image, std::uint8_t* mask) const {
  if (!has(volume, slice, true)) return false;
  const auto index = static_cast<std::size_t>(volume * depth_ + slice);
  if (image != nullptr) std::memcpy(image, images_ + index * pixels_, pixels_ * sizeof(float));
  if (mask != nullptr) std::memcpy(mask, masks_ + index * pixels_, pixels_);
  return true;
}

}  // namespace gyrus
