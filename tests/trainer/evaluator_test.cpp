// Volumes through the network and its evaluation.
#include "trainer/evaluation/evaluator.hpp"

#include <gmock/gmock.h>
#include <torch/torch.h>

#include "tests/data/prepared.hpp"
#include "trainer/models/initial_weights.hpp"

namespace gyrus {
namespace {

/// A volume of the small phantom, restored by a network with random weights.
class RestoredVolume : public test::Prepared {
 protected:
  ScoredVolume restored(const std::string& mask) {
    ModelOptions options;
    options.conditioning = "none";
    options.unet.base_width = 8;
    options.unet.multipliers = {1, 2};
    options.unet.blocks = 1;
    options.unet.norm_groups = 4;
    options.unet.head_width = 8;
    DiffusionModel model(options);
    initialise_weights(model, 1);
    model.eval();
    const Dataset dataset = Dataset::open(this->options());
    ObjectiveOptions objective;
    objective.mask = mask;
    const Reconstructor reconstructor(objective, {}, dataset.height(), dataset.width());
    const Evaluator evaluator(dataset, reconstructor, {}, {}, /*seed=*/1, torch::kCPU);
    return evaluator.score(evaluator.residuals_of(model), "val", 0);
  }
};

TEST_F(RestoredVolume, BackgroundThatWasNotLearnedIsTheImageItself) {
  const ScoredVolume brain = restored("brain"), everywhere = restored("none");
  const Volume& volume = brain.volume;
  std::size_t background = 0, changed = 0;
  for (std::size_t i = 0; i < volume.mask.size(); ++i) {
    if (volume.mask[i] != 0) {
      EXPECT_EQ(brain.reconstruction[i], everywhere.reconstruction[i]);
      continue;
    }
    ++background;
    EXPECT_EQ(brain.reconstruction[i], volume.image[i]);
    changed += everywhere.reconstruction[i] != volume.image[i];
  }
  ASSERT_GT(background, 0u);
  EXPECT_GT(changed, background / 2);
  EXPECT_LT(brain.l1.all, everywhere.l1.all);
  EXPECT_EQ(brain.residual, everywhere.residual);  // which the eroded mask limits to the brain in any case
  EXPECT_EQ(brain.loss, everywhere.loss);
}

}  // namespace
}  // namespace gyrus
