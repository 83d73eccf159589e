#include "trainer/diffusion/step_noise.hpp"

#include <algorithm>

#include "data/random.hpp"

namespace gyrus {

StepNoise::StepNoise(const NoiseOptions& options, std::uint64_t seed, std::int64_t global_batch,
                     torch::Device device)
    : is_shared_(options.sharing == "batch"),
      seed_(seed),
      global_batch_(static_cast<std::uint64_t>(global_batch)),
      model_(make_training_noise(options, device)) {}

void StepNoise::draw(Batch& batch) const {
  const std::int64_t rows = batch.height, columns = batch.width;
  const auto pixels = static_cast<std::size_t>(rows * columns);
  batch.noise.resize(batch.samples.size() * pixels);
  if (batch.samples.empty()) return;
  if (!is_shared_) {
    std::vector<Random> keys;
    for (const Sample& sample : batch.samples)
      keys.emplace_back(seed_, Stream::noise, sample.epoch, sample.global_index);
    model_->draw_fields(keys, rows, columns, batch.noise.data());
    return;
  }
  // A shared field belongs to the step: its key is the index of the step's first sample, on whatever rank
  // that is.
  const std::uint64_t key = batch.samples.front().global_index / global_batch_ * global_batch_;
  model_->draw(Random(seed_, Stream::noise, 0, key), rows, columns, batch.noise.data());
  for (std::size_t i = 1; i < batch.samples.size(); ++i)
    std::copy_n(batch.noise.data(), pixels, &batch.noise[i * pixels]);
}

}  // namespace gyrus
