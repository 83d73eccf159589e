#include "trainer/diffusion/noise.hpp"

#include <c10/util/Half.h>

#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/simplex.hpp"

namespace gyrus {
namespace {

class SimplexModel : public NoiseModel {
 public:
  explicit SimplexModel(const NoiseOptions& options) : options_(options) {}

  void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const override {
    const SimplexNoise noise(static_cast<std::int64_t>(random.next64()));
    SimplexField field{options_.octaves, options_.persistence, options_.feature_size};
    if (options_.random_origin) {
      // The permutation table has a period of 256 cells: wide enough for fields of any key to differ.
      field.origin_x = random.uniform(0.0, 256.0);
      field.origin_y = random.uniform(0.0, 256.0);
    }
    std::vector<double> values(static_cast<std::size_t>(rows * columns));
    field.fill(noise, rows, columns, values.data());
    for (std::size_t i = 0; i < values.size(); ++i)
      out[i] = options_.round_to_half ? static_cast<float>(c10::Half(static_cast<float>(values[i])))
                                      : static_cast<float>(values[i]);
  }

 private:
  NoiseOptions options_;
};

class GaussianModel : public NoiseModel {
 public:
  void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const override {
    for (std::int64_t i = 0; i < rows * columns; ++i) out[i] = static_cast<float>(random.normal());
  }
};

}  // namespace

void NoiseOptions::fields(Fields& f) {
  f.field("kind", kind, "what is added to a slice", {.choices = {"simplex", "gaussian"}});
  f.field("level", level, "timesteps at test time; the reconstructions of several are averaged",
          {.min = 0, .max = num_timesteps - 1, .may_change_on_resume = true});
  f.field("sharing", sharing,
          "one field per sample (slice), or one per training batch and per test volume (Q10)",
          {.choices = {"sample", "batch"}});
  f.field("octaves", octaves, "octaves of simplex noise", {.min = 1, .max = 16});
  f.field("persistence", persistence, "amplitude of an octave relative to the one before",
          {.min = 0.0, .max = 1.0});
  f.field("feature_size", feature_size, "size of the coarsest simplex features",
          {.min = 1.0, .unit = "pixels"});
  f.field("random_origin", random_origin,
          "start each simplex field at a random place, not at the lattice's origin (Q11)");
  f.field("round_to_half", round_to_half, "round simplex noise to float16, as the published code does (Q12)");
}

std::unique_ptr<NoiseModel> make_noise_model(const NoiseOptions& options) {
  if (options.kind == "gaussian") return std::make_unique<GaussianModel>();
  return std::make_unique<SimplexModel>(options);
}

}  // namespace gyrus
