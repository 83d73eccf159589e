// The window moves along a row. What it holds is a set of ranks, one bit per voxel of the padded volume in
// the order of the values, so that equal values (and mirrored copies) are different members. A step takes out
// one plane of the cube and puts in another; the middle member is then a short walk from where it was.
#include "trainer/metrics/median_filter.hpp"

#include <algorithm>
#include <bit>

#include "launch/error.hpp"
#include "trainer/metrics/value_order.hpp"

namespace gyrus {
namespace {

/// Index mirrored about the edges, the edge sample repeated: -1 -> 0, -2 -> 1, n -> n-1.
std::int64_t reflect(std::int64_t index, std::int64_t size) {
  while (index < 0 || index >= size) index = index < 0 ? -1 - index : 2 * size - 1 - index;
  return index;
}

/// The volume with `half` mirrored voxels on every side.
std::vector<float> pad(const std::vector<float>& values, Extent extent, Extent padded, std::int64_t half) {
  std::vector<float> result(static_cast<std::size_t>(padded.voxels()));
  auto out = result.begin();
  for (std::int64_t z = 0; z < padded.depth; ++z)
    for (std::int64_t y = 0; y < padded.height; ++y) {
      const float* row =
          &values[extent.index(reflect(z - half, extent.depth), reflect(y - half, extent.height), 0)];
      for (std::int64_t x = 0; x < half; ++x) *out++ = row[reflect(x - half, extent.width)];
      out = std::copy(row, row + extent.width, out);
      for (std::int64_t x = 0; x < half; ++x) *out++ = row[reflect(extent.width + x, extent.width)];
    }
  return result;
}

/// For each cube of `size` voxels of edge, at its lowest corner: how many of its values are 0.
std::vector<std::uint16_t> count_zeros(const std::vector<float>& padded, Extent extent, std::int64_t size) {
  std::vector<std::uint16_t> counts(padded.size());
  std::transform(padded.begin(), padded.end(), counts.begin(),
                 [](float value) { return static_cast<std::uint16_t>(value == 0.0f); });
  // One axis after the other: entry i becomes the sum of the entries i, i + stride, ...; only corners of
  // cubes that fit into the volume are asked for.
  for (const std::int64_t stride : {std::int64_t{1}, extent.width, extent.width * extent.height}) {
    const std::vector<std::uint16_t> single = counts;
    const auto last = static_cast<std::int64_t>(counts.size()) - (size - 1) * stride;
    for (std::int64_t step = 1; step < size; ++step)
      for (std::int64_t i = 0; i < last; ++i)
        counts[i] = static_cast<std::uint16_t>(counts[i] + single[i + step * stride]);
  }
  return counts;
}

/// Members of a window, by rank. `below_` members lie in blocks before `block_`.
class RankSet {
 public:
  explicit RankSet(std::size_t num_ranks)
      : words_((num_ranks >> block_bits) * words_per_block + words_per_block),
        counts_((num_ranks >> block_bits) + 1) {}

  void insert(std::uint32_t rank) { toggle(rank, 1); }
  void erase(std::uint32_t rank) { toggle(rank, -1); }

  /// The member with `position` members below it. @pre the set has more than that
  std::uint32_t at(std::int32_t position) {
    while (below_ > position) below_ -= counts_[--block_];
    while (below_ + counts_[block_] <= position) below_ += counts_[block_++];
    std::int32_t left = position - below_;
    for (std::uint32_t word = block_ * words_per_block;; ++word)
      for (std::uint64_t bits = words_[word]; bits != 0; bits &= bits - 1)
        if (left-- == 0) return word * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
  }

 private:
  static constexpr std::uint32_t block_bits = 8, words_per_block = (1u << block_bits) / 64;

  void toggle(std::uint32_t rank, std::int32_t change) {
    const std::uint32_t block = rank >> block_bits;
    words_[rank / 64] ^= std::uint64_t{1} << (rank % 64);
    counts_[block] += change;
    below_ += block < block_ ? change : 0;
  }

  std::vector<std::uint64_t> words_;
  std::vector<std::int32_t> counts_;  // members per block
  std::uint32_t block_ = 0;
  std::int32_t below_ = 0;
};

/// Applies `action` to the ranks of the plane of the cube at `first`: size x size voxels, one per row.
template <class Action>
void for_plane(const std::uint32_t* first, Extent padded, std::int64_t size, Action&& action) {
  for (std::int64_t z = 0; z < size; ++z)
    for (std::int64_t y = 0; y < size; ++y) action(first[(z * padded.height + y) * padded.width]);
}

}  // namespace

std::vector<float> median_filter(const std::vector<float>& values, Extent extent, std::int64_t size) {
  require(size % 2 == 1, "the size of a median filter is odd");
  const std::int64_t half = size / 2, middle = size * size * size / 2;
  const Extent padded{extent.depth + 2 * half, extent.height + 2 * half, extent.width + 2 * half};
  const std::vector<float> source = pad(values, extent, padded, half);
  const auto zeros = count_zeros(source, padded, size);
  const auto order = ascending_order(source);
  std::vector<std::uint32_t> ranks(order.size());
  std::vector<float> sorted(order.size());
  for (std::uint32_t rank = 0; rank < order.size(); ++rank) {
    ranks[order[rank]] = rank;
    sorted[rank] = source[order[rank]];
  }

  std::vector<float> result(values.size(), 0.0f);
  RankSet window(ranks.size());
  for (std::int64_t z = 0; z < extent.depth; ++z)
    for (std::int64_t y = 0; y < extent.height; ++y) {
      // Where more than half of a cube is 0, so is its median: only the windows between need moving.
      const std::uint16_t* row = &zeros[padded.index(z, y, 0)];
      std::int64_t first = 0, last = extent.width - 1;
      while (first <= last && row[first] > middle) ++first;
      while (last >= first && row[last] > middle) --last;
      if (first > last) continue;
      const std::uint32_t* corner = &ranks[padded.index(z, y, 0)];
      const auto insert = [&](std::uint32_t rank) { window.insert(rank); };
      const auto erase = [&](std::uint32_t rank) { window.erase(rank); };
      for (std::int64_t x = first; x < first + size - 1; ++x) for_plane(corner + x, padded, size, insert);
      for (std::int64_t x = first; x <= last; ++x) {
        for_plane(corner + x + size - 1, padded, size, insert);
        result[extent.index(z, y, x)] = sorted[window.at(static_cast<std::int32_t>(middle))];
        for_plane(corner + x, padded, size, erase);
      }
      for (std::int64_t x = last + 1; x < last + size; ++x) for_plane(corner + x, padded, size, erase);
    }
  return result;
}

}  // namespace gyrus
