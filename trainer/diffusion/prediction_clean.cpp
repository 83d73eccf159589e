// The network predicts the clean slice itself: what the published models do.
#include "trainer/diffusion/objective.hpp"

namespace gyrus {
namespace {

class CleanPrediction : public Prediction {
 public:
  torch::Tensor target(const torch::Tensor& clean, const torch::Tensor&) const override { return clean; }
  torch::Tensor clean_from(const torch::Tensor& output, const torch::Tensor&,
                           const torch::Tensor&) const override {
    return output;
  }
};

}  // namespace

std::unique_ptr<Prediction> make_clean_prediction() {
  return std::make_unique<CleanPrediction>();
}

}  // namespace gyrus
