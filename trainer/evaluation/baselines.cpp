#include "trainer/evaluation/baselines.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

namespace gyrus {
namespace {

struct VoxelStatistics {
  std::vector<float> mean, deviation;
};

std::shared_ptr<const VoxelStatistics> statistics_of_training(const Dataset& dataset) {
  const auto count = static_cast<std::int64_t>(dataset.volumes("train").size());
  std::vector<double> sum, squares;
  for (std::int64_t i = 0; i < count; ++i) {
    const Volume volume = dataset.read_volume("train", i);
    sum.resize(volume.image.size());
    squares.resize(volume.image.size());
    for (std::size_t voxel = 0; voxel < sum.size(); ++voxel) {
      sum[voxel] += volume.image[voxel];
      squares[voxel] += static_cast<double>(volume.image[voxel]) * volume.image[voxel];
    }
  }
  auto statistics = std::make_shared<VoxelStatistics>();
  for (std::size_t voxel = 0; voxel < sum.size(); ++voxel) {
    const double mean = sum[voxel] / static_cast<double>(count);
    statistics->mean.push_back(static_cast<float>(mean));
    statistics->deviation.push_back(static_cast<float>(
        std::sqrt(std::max(0.0, squares[voxel] / static_cast<double>(count) - mean * mean))));
  }
  return statistics;
}

template <class Function>
Evaluator::MapMaker voxelwise(Function&& function) {
  return [function](ScoredVolume& scored) {
    std::vector<float> map(scored.volume.image.size());
    for (std::size_t i = 0; i < map.size(); ++i)
      map[i] = std::clamp(function(scored.volume.image[i], i), 0.0f, 1.0f);
    return map;
  };
}

}  // namespace

std::vector<Baseline> make_baselines(const Dataset& dataset) {
  const auto statistics = statistics_of_training(dataset);
  // Deviations of up to ten sigma fill the range; the floor keeps quiet voxels from dividing by almost
  // nothing.
  constexpr float floor = 0.02f, largest = 10.0f;
  return {{"intensity", voxelwise([](float value, std::size_t) { return value; })},
          {"inverted_intensity", voxelwise([](float value, std::size_t) { return 1.0f - value; })},
          {"mean_difference", voxelwise([statistics](float value, std::size_t i) {
             return std::abs(value - statistics->mean[i]);
           })},
          {"mean_difference_sigma", voxelwise([statistics](float value, std::size_t i) {
             return std::abs(value - statistics->mean[i]) / (statistics->deviation[i] + floor) / largest;
           })}};
}

}  // namespace gyrus
