// A radix sort over the bits of the numbers: three passes of 11 bits, whatever the values are.
#include "trainer/metrics/value_order.hpp"

#include <array>

namespace gyrus {
namespace {

struct Entry {
  std::uint32_t key, index;
};

constexpr int bits_per_pass = 11;
constexpr std::uint32_t digit_mask = (1u << bits_per_pass) - 1;

void sort_by_key(std::vector<Entry>& entries) {
  std::vector<Entry> other(entries.size());
  for (int shift = 0; shift < 32; shift += bits_per_pass) {
    std::array<std::uint32_t, digit_mask + 1> place{};
    for (const Entry& entry : entries) ++place[entry.key >> shift & digit_mask];
    std::uint32_t sum = 0;
    for (std::uint32_t& count : place) {
      const std::uint32_t here = count;
      count = sum;
      sum += here;
    }
    for (const Entry& entry : entries) other[place[entry.key >> shift & digit_mask]++] = entry;
    entries.swap(other);
  }
}

}  // namespace

std::vector<std::uint32_t> ascending_order(std::span<const float> values) {
  std::vector<Entry> others;  // all but the zeros, of which there are many and which need no sorting
  others.reserve(values.size());
  std::size_t num_negative = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == 0.0f) continue;
    others.push_back({order_key(values[i]), static_cast<std::uint32_t>(i)});
    num_negative += values[i] < 0.0f ? 1 : 0;
  }
  sort_by_key(others);
  std::vector<std::uint32_t> order;
  order.reserve(values.size());
  for (std::size_t i = 0; i < num_negative; ++i) order.push_back(others[i].index);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] == 0.0f) order.push_back(static_cast<std::uint32_t>(i));
  for (std::size_t i = num_negative; i < others.size(); ++i) order.push_back(others[i].index);
  return order;
}

}  // namespace gyrus
