#include "trainer/diffusion/noise.hpp"

#include <c10/util/Half.h>

#include <cmath>

#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/simplex.hpp"

namespace gyrus {
namespace {

/// A field of zero mean and unit variance; one without variance becomes 0. The sums run in double, in the
/// order of the pixels.
template <class T>
void standardise(std::vector<T>& field) {
  double sum = 0.0, squares = 0.0;
  for (const T value : field) sum += value;
  const double mean = sum / static_cast<double>(field.size());
  for (const T value : field) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(field.size()));
  for (T& value : field) value = deviation > 0.0 ? static_cast<T>((value - mean) / deviation) : T{0};
}

/// What every kind has in common; `draw_raw` fills a field of float, or of double when it is rounded to
/// float16 afterwards: the published code computes in double.
class Model : public NoiseModel {
 public:
  explicit Model(const NoiseOptions& options) : options_(options) {}

  void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const override {
    if (options_.round_to_half)
      draw_as<double>(random, rows, columns, out);
    else
      draw_as<float>(random, rows, columns, out);
  }

 protected:
  virtual void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, float* out) const = 0;
  virtual void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, double* out) const = 0;

  NoiseOptions options_;

 private:
  template <class T>
  void draw_as(Random& random, std::int64_t rows, std::int64_t columns, float* out) const {
    std::vector<T> field(static_cast<std::size_t>(rows * columns));
    draw_raw(random, rows, columns, field.data());
    if (options_.standardise) standardise(field);
    const double offset = options_.mean_offset > 0.0 ? options_.mean_offset * random.normal() : 0.0;
    for (std::size_t i = 0; i < field.size(); ++i) {
      const auto value = static_cast<float>(field[i] + offset);
      out[i] = options_.round_to_half ? static_cast<float>(c10::Half(value)) : value;
    }
  }
};

class SimplexModel : public Model {
 public:
  using Model::Model;

 protected:
  void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, float* out) const override {
    fill(random, rows, columns, out);
  }
  void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, double* out) const override {
    fill(random, rows, columns, out);
  }

 private:
  template <class T>
  void fill(Random& random, std::int64_t rows, std::int64_t columns, T* out) const {
    const SimplexNoise noise(static_cast<std::int64_t>(random.next64()));
    SimplexField field{options_.octaves, options_.persistence, options_.feature_size};
    if (options_.random_origin) {
      // The permutation table has a period of 256 cells: wide enough for fields of any key to differ.
      field.origin_x = random.uniform(0.0, 256.0);
      field.origin_y = random.uniform(0.0, 256.0);
    }
    field.fill(noise, rows, columns, out);
  }
};

class GaussianModel : public Model {
 public:
  using Model::Model;

 protected:
  void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, float* out) const override {
    for (std::int64_t i = 0; i < rows * columns; ++i) out[i] = static_cast<float>(random.normal());
  }
  void draw_raw(Random& random, std::int64_t rows, std::int64_t columns, double* out) const override {
    for (std::int64_t i = 0; i < rows * columns; ++i) out[i] = random.normal();
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
  f.field("standardise", standardise,
          "zero mean and unit variance of each field; simplex noise has about 0.36 of that variance, so "
          "`level` is "
          "chosen anew (Q11)");
  f.field("mean_offset", mean_offset,
          "standard deviation of a constant that is drawn for each field and added; 0: none", {.min = 0.0});
  f.field("round_to_half", round_to_half, "round noise to float16, as the published code does (Q12)");
}

std::unique_ptr<NoiseModel> make_noise_model(const NoiseOptions& options) {
  if (options.kind == "gaussian") return std::make_unique<GaussianModel>(options);
  return std::make_unique<SimplexModel>(options);
}

}  // namespace gyrus
