#include "trainer/diffusion/noise.hpp"

#include <algorithm>

#include "launch/error.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/kernels/simplex_kernel.hpp"

namespace gyrus {
namespace {

double draw_offset(const NoiseOptions& options, Random& random) {
  return options.mean_offset > 0.0 ? options.mean_offset * random.normal() : 0.0;
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
    if (options_.standardise) {
      const FieldMoments moments = field_moments(field.data(), rows * columns);
      for (T& value : field) value = standardised(value, moments);
    }
    const double offset = draw_offset(options_, random);
    for (std::size_t i = 0; i < field.size(); ++i)
      out[i] = finished(field[i], offset, options_.round_to_half);
  }
};

struct DrawnSimplex {
  SimplexNoise noise;
  SimplexField field;
};

DrawnSimplex draw_simplex(const NoiseOptions& options, Random& random) {
  DrawnSimplex drawn{SimplexNoise(static_cast<std::int64_t>(random.next64())),
                     {options.octaves, options.persistence, options.feature_size}};
  if (options.random_origin) {
    // The permutation table has a period of 256 cells: wide enough for fields of any key to differ.
    drawn.field.origin_x = random.uniform(0.0, 256.0);
    drawn.field.origin_y = random.uniform(0.0, 256.0);
  }
  return drawn;
}

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
    const auto [noise, field] = draw_simplex(options_, random);
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

/// Simplex noise whose fields a GPU makes; the CPU draws their keys.
class GpuSimplexModel : public NoiseModel {
 public:
  GpuSimplexModel(const NoiseOptions& options, int gpu)
      : options_(options),
        kernel_(make_simplex_kernel({options.octaves, options.persistence, options.feature_size,
                                     options.standardise, options.round_to_half},
                                    gpu)) {}

  void draw(Random random, std::int64_t rows, std::int64_t columns, float* out) const override {
    draw_fields({&random, 1}, rows, columns, out);
  }
  void draw_fields(std::span<const Random> keys, std::int64_t rows, std::int64_t columns,
                   float* out) const override {
    std::vector<SimplexDraw> fields;
    for (const Random& key : keys) fields.push_back(draw_simplex_draw(options_, key));
    kernel_->fill(fields, rows, columns, out);
  }

 private:
  NoiseOptions options_;
  std::unique_ptr<SimplexKernel> kernel_;
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
  f.field("device", device,
          "what makes the simplex fields of training steps, ahead of them: the loader's threads (cpu) or the "
          "GPU that trains (cuda); with equal values",
          {.choices = {"cpu", "cuda"}, .may_change_on_resume = true});
}

void NoiseOptions::validate() const {
  if (level.empty())
    throw ConfigError("noise.level is empty; give one timestep or a list, as in noise.level=[249,499]");
  if (device == "cuda" && kind != "simplex")
    throw ConfigError("noise.device=cuda makes simplex fields, but noise.kind=" + kind +
                      "; set noise.device=cpu");
}

void check_noise_device(const NoiseOptions& options, torch::Device device) {
  options.validate();
  if (options.device == "cuda" && !device.is_cuda())
    throw ConfigError(
        "noise.device=cuda, but this training is on the CPU: trainer.device=cpu was chosen, or `auto` found "
        "no GPU (or a build without CUDA); train on a GPU, or set noise.device=cpu");
}

void NoiseModel::draw_fields(std::span<const Random> keys, std::int64_t rows, std::int64_t columns,
                             float* out) const {
  for (std::size_t i = 0; i < keys.size(); ++i)
    draw(keys[i], rows, columns, out + static_cast<std::int64_t>(i) * rows * columns);
}

SimplexDraw draw_simplex_draw(const NoiseOptions& options, Random random) {
  const auto [noise, field] = draw_simplex(options, random);
  SimplexDraw keys;
  std::ranges::copy(noise.permutation(), keys.permutation);
  keys.origin_x = field.origin_x;
  keys.origin_y = field.origin_y;
  keys.offset = draw_offset(options, random);
  return keys;
}

std::unique_ptr<NoiseModel> make_noise_model(const NoiseOptions& options) {
  if (options.kind == "gaussian") return std::make_unique<GaussianModel>(options);
  return std::make_unique<SimplexModel>(options);
}

std::unique_ptr<NoiseModel> make_training_noise(const NoiseOptions& options, torch::Device device) {
  check_noise_device(options, device);
  if (options.device == "cuda") return std::make_unique<GpuSimplexModel>(options, device.index());
  return make_noise_model(options);
}

}  // namespace gyrus
