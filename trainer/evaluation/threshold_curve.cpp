#include "trainer/evaluation/threshold_curve.hpp"

#include <bit>
#include <cstring>
#include <limits>

#include "trainer/evaluation/dice_units.hpp"

namespace gyrus {
namespace {

double dice_of(std::int64_t hits, std::int64_t marked, std::int64_t lesion) {
  return marked + lesion == 0 ? std::numeric_limits<double>::quiet_NaN()
                              : 2.0 * static_cast<double>(hits) / static_cast<double>(marked + lesion);
}

/// A binary map to which voxels are added; knows how many lie in components that are large enough. A
/// component is small until it reaches the limit and large from then on, so only small ones, of a few voxels,
/// ever have to be searched.
class GrowingMap {
 public:
  GrowingMap(std::span<const std::uint8_t> lesion, Extent extent, std::int64_t min_component)
      : lesion_(lesion),
        extent_(extent),
        padded_{extent.depth + 2, extent.height + 2, extent.width + 2},
        min_component_(min_component),
        state_(static_cast<std::size_t>(padded_.voxels()) + 1, absent) {}

  void add(std::uint32_t voxel) {
    const std::int64_t x = voxel % extent_.width, row = voxel / extent_.width;
    const std::int64_t place = padded_.index(row / extent_.height + 1, row % extent_.height + 1, x + 1);
    const std::uint32_t around = states_around(place);
    state_[place] = small;
    if ((around & every_small) == 0 && ((around & every_large) != 0 || min_component_ <= 1))
      return keep(place);  // by far the most frequent case
    members_.assign(1, place);
    bool is_large = min_component_ <= 1;
    state_[place] = seen;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      is_large = is_large || (states_around(members_[i]) & every_large) != 0;
      find_small_neighbours(members_[i]);
    }
    is_large = is_large || static_cast<std::int64_t>(members_.size()) >= min_component_;
    for (const std::int64_t member : members_) {
      state_[member] = small;
      if (is_large) keep(member);
    }
  }

  std::int64_t kept() const { return kept_; }
  std::int64_t kept_hits() const { return kept_hits_; }

 private:
  // One bit each, so that the states of several voxels can be looked at together.
  static constexpr std::uint8_t absent = 0, small = 1, large = 2, seen = 4;
  static constexpr std::uint32_t every_small = 0x01010101, every_large = 0x02020202;
  static constexpr std::uint32_t three_voxels =
      std::endian::native == std::endian::little ? 0x00ffffff : 0xffffff00;

  void keep(std::int64_t place) {
    state_[place] = large;
    ++kept_;
    const std::int64_t row = place / padded_.width;
    const std::int64_t voxel =
        extent_.index(row / padded_.height - 1, row % padded_.height - 1, place % padded_.width - 1);
    kept_hits_ += lesion_[voxel] != 0 ? 1 : 0;
  }

  /// The states of the 27 voxels around a place, joined: per byte those of one x.
  std::uint32_t states_around(std::int64_t place) const {
    std::uint32_t joined = 0;
    for (std::int64_t z = -1; z <= 1; ++z)
      for (std::int64_t y = -1; y <= 1; ++y) {
        std::uint32_t row;  // of three voxels; the fourth byte is not looked at
        std::memcpy(&row, &state_[place + padded_.index(z, y, -1)], sizeof row);
        joined |= row;
      }
    return joined & (three_voxels);
  }

  void find_small_neighbours(std::int64_t place) {
    for (std::int64_t z = -1; z <= 1; ++z)
      for (std::int64_t y = -1; y <= 1; ++y)
        for (std::int64_t x = -1; x <= 1; ++x) {
          const std::int64_t neighbour = place + padded_.index(z, y, x);
          if (state_[neighbour] != small) continue;
          state_[neighbour] = seen;
          members_.push_back(neighbour);
        }
  }

  std::span<const std::uint8_t> lesion_;
  Extent extent_, padded_;
  std::int64_t min_component_, kept_ = 0, kept_hits_ = 0;
  std::vector<std::uint8_t> state_;    // per voxel of the padded volume
  std::vector<std::int64_t> members_;  // of the component that is searched
};

}  // namespace

double ThresholdCurve::dice(std::int64_t index) const {
  return dice_of(hits[index], marked[index], lesion_voxels);
}

BestThreshold ThresholdCurve::best() const {
  BestThreshold best{0.0, threshold_grid::threshold(threshold_grid::size - 1)};
  for (std::int64_t i = threshold_grid::size - 1; i >= 0; --i)
    if (const double value = dice(i); value > best.value) best = {value, threshold_grid::threshold(i)};
  return best;
}

ThresholdCurve threshold_curve(std::span<const float> residual, std::span<const std::uint8_t> lesion,
                               std::span<const std::uint32_t> descending, Extent extent,
                               std::int64_t min_component) {
  ThresholdCurve curve;
  curve.marked.resize(threshold_grid::size);
  curve.hits.resize(threshold_grid::size);
  for (const std::uint8_t value : lesion) curve.lesion_voxels += value != 0 ? 1 : 0;
  GrowingMap map(lesion, extent, min_component);
  auto next = descending.begin();
  for (std::int64_t i = threshold_grid::size - 1; i >= 0; --i) {
    for (; next != descending.end() && threshold_grid::num_below(residual[*next]) > i; ++next) map.add(*next);
    curve.marked[i] = map.kept();
    curve.hits[i] = map.kept_hits();
  }
  return curve;
}

void SetCurve::add(const ThresholdCurve& curve) {
  for (std::int64_t i = 0; i < threshold_grid::size; ++i) {
    marked_[i] += curve.marked[i];
    hits_[i] += curve.hits[i];
    dice_units_[i] += dice_units::from(curve.dice(i));
  }
  lesion_voxels_ += curve.lesion_voxels;
  ++patients_;
}

void SetCurve::sum_over_ranks(const mpi::Communicator& communicator) {
  communicator.sum_in_place(marked_);
  communicator.sum_in_place(hits_);
  communicator.sum_in_place(dice_units_);
  lesion_voxels_ = communicator.sum(lesion_voxels_);
  patients_ = communicator.sum(patients_);
}

double SetCurve::value(std::int64_t index, bool pooled) const {
  if (pooled) return dice_of(hits_[index], marked_[index], lesion_voxels_);
  return dice_units::mean(dice_units_[index], patients_);
}

BestThreshold SetCurve::best(const std::string& objective) const {
  BestThreshold best{0.0, threshold_grid::threshold(threshold_grid::size - 1)};
  for (std::int64_t i = threshold_grid::size - 1; i >= 0; --i)
    if (const double here = value(i, objective == "pooled"); here > best.value)
      best = {here, threshold_grid::threshold(i)};
  return best;
}

}  // namespace gyrus
