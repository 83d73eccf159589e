// The network predicts the noise; x0 = (x_t - sqrt(1 - abar) noise) / sqrt(abar). The published code leaves
// the division out (Q8).
#include <torch/torch.h>

#include "trainer/diffusion/objective.hpp"

namespace gyrus {
namespace {

class NoisePrediction : public Prediction {
 public:
  NoisePrediction(const Schedule& schedule, bool divide_by_signal)
      : schedule_(schedule), divide_by_signal_(divide_by_signal) {}

  torch::Tensor target(const torch::Tensor&, const torch::Tensor& noise) const override { return noise; }

  torch::Tensor clean_from(const torch::Tensor& output, const torch::Tensor& noised,
                           const torch::Tensor& timestep) const override {
    const auto factor = [&](const torch::Tensor& table) { return schedule_.at(table, timestep, noised); };
    const torch::Tensor signal = noised - factor(schedule_.sqrt_one_minus_alpha_bar) * output;
    return divide_by_signal_ ? signal / factor(schedule_.sqrt_alpha_bar) : signal;
  }

 private:
  Schedule schedule_;  // its own: a factory's argument may end before the prediction does
  bool divide_by_signal_;
};

}  // namespace

std::unique_ptr<Prediction> make_noise_prediction(const Schedule& schedule, bool divide_by_signal) {
  return std::make_unique<NoisePrediction>(schedule, divide_by_signal);
}

}  // namespace gyrus
