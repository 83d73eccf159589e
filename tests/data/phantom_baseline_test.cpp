// What a sceptic wants to know of the phantom: that lesions are found by what the method is about, the
// difference to healthy brains, and not by a threshold of the intensity.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "data/dataset.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus {
namespace {

/// Area under the precision-recall curve of brain voxels.
double average_precision(const std::vector<float>& scores, const std::vector<std::uint8_t>& labels) {
  std::vector<std::size_t> order(scores.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto a, auto b) { return scores[a] > scores[b]; });
  double sum = 0.0;
  std::int64_t found = 0;
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    if (labels[order[rank]] == 0) continue;
    ++found;
    sum += static_cast<double>(found) / static_cast<double>(rank + 1);
  }
  return sum / static_cast<double>(found);
}

/// Median over 3x3 pixels of each slice.
std::vector<float> median_filtered(const std::vector<float>& values, const Volume& volume) {
  std::vector<float> result(values.size(), 0.0f);
  const std::int64_t h = volume.height, w = volume.width;
  for (std::int64_t z = 0; z < volume.depth; ++z) {
    for (std::int64_t x = 1; x + 1 < h; ++x) {
      for (std::int64_t y = 1; y + 1 < w; ++y) {
        std::array<float, 9> window;
        for (int k = 0; k < 9; ++k) window[k] = values[(z * h + x + k / 3 - 1) * w + y + k % 3 - 1];
        std::nth_element(window.begin(), window.begin() + 4, window.end());
        result[(z * h + x) * w + y] = window[4];
      }
    }
  }
  return result;
}

TEST(PhantomBaseline, TheDifferenceToTheMeanBrainFindsLesionsAndIntensityDoesNot) {
  const test::Scratch scratch;
  log::configure(0, true);
  DataOptions options;
  options.kind = "phantom";
  options.root = (scratch / "phantom").string();
  prepare_dataset(options, test::world());
  const auto dataset = Dataset::open(options);
  std::vector<float> mean;
  const auto num_train = static_cast<std::int64_t>(dataset.volumes("train").size());
  for (std::int64_t i = 0; i < num_train; ++i) {
    const auto volume = dataset.read_volume("train", i);
    mean.resize(volume.image.size());
    for (std::size_t k = 0; k < mean.size(); ++k) mean[k] += volume.image[k] / static_cast<float>(num_train);
  }
  std::vector<float> difference, darkness;
  std::vector<std::uint8_t> labels;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(dataset.volumes("test").size()); ++i) {
    const auto volume = dataset.read_volume("test", i);
    std::vector<float> residual(volume.image.size());
    for (std::size_t k = 0; k < residual.size(); ++k) {
      residual[k] = volume.mask[k] ? std::abs(volume.image[k] - mean[k]) : 0.0f;
    }
    residual = median_filtered(residual, volume);
    for (std::size_t k = 0; k < residual.size(); ++k) {
      if (volume.mask[k] == 0) continue;
      difference.push_back(residual[k]);
      darkness.push_back(1.0f - volume.image[k]);
      labels.push_back(volume.lesion[k]);
    }
  }
  const double share =
      std::accumulate(labels.begin(), labels.end(), 0.0) / static_cast<double>(labels.size());
  const double auprc_difference = average_precision(difference, labels),
               auprc_darkness = average_precision(darkness, labels);
  std::printf("lesion share %.3f, AUPRC: difference to the mean %.2f, darkness %.2f\n", share,
              auprc_difference, auprc_darkness);
  EXPECT_GT(share, 0.03);
  EXPECT_LT(share, 0.12);
  EXPECT_GT(auprc_difference, 0.22);
  EXPECT_LT(auprc_difference, 0.45);
  EXPECT_LT(auprc_darkness, 0.7 * auprc_difference);
}

}  // namespace
}  // namespace gyrus
