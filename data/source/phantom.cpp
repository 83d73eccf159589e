// The generated cohort of data=phantom. Lengths are in box coordinates: x and y run over [-1, 1], z over
// [-0.45, 0.45].
#include "data/source/phantom.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data/random.hpp"

namespace gyrus {
namespace {

using Point = std::array<double, 3>;
constexpr double pi = std::numbers::pi;
constexpr double half_height = 0.45;  // the box is a middle slab of the head
constexpr Point head_axes = {0.74, 0.90, 0.92};
constexpr int num_folds = 16;

double logistic(double a) {
  return 1.0 / (1.0 + std::exp(-a));
}

double radius_of(const Point& p, const Point& axes) {
  return std::sqrt((p[0] / axes[0]) * (p[0] / axes[0]) + (p[1] / axes[1]) * (p[1] / axes[1]) +
                   (p[2] / axes[2]) * (p[2] / axes[2]));
}

double mean(const Point& p) {
  return (p[0] + p[1] + p[2]) / 3.0;
}

/// A smooth random function: `amplitude` sqrt(2/k) times a sum of k cosines, so its standard deviation is
/// `amplitude`.
class Waves {
 public:
  Waves(int count, double max_frequency, double amplitude, Random& random)
      : scale_(amplitude * std::sqrt(2.0 / count)), waves_(static_cast<std::size_t>(count)) {
    for (auto& wave : waves_) {
      for (double& frequency : wave.frequency) frequency = pi * random.uniform(-max_frequency, max_frequency);
      wave.phase = random.uniform(-pi, pi);
    }
  }
  double at(const Point& p) const {
    double sum = 0.0;
    for (const auto& [frequency, phase] : waves_) {
      sum += std::cos(frequency[0] * p[0] + frequency[1] * p[1] + frequency[2] * p[2] + phase);
    }
    return scale_ * sum;
  }

 private:
  struct Wave {
    Point frequency;
    double phase;
  };
  double scale_;
  std::vector<Wave> waves_;
};

/// Directions and phases of the cortex folds that all subjects of a seed share.
struct CommonFolds {
  std::array<Point, num_folds> direction;
  std::array<double, num_folds> phase;

  explicit CommonFolds(std::uint64_t seed) {
    Random random(seed, Stream::phantom, 3, 0);  // 0, 1, 2 are the sets
    for (int i = 0; i < num_folds; ++i) {
      Point normal = {random.normal(), random.normal(), random.normal()};
      const double length = std::sqrt(normal[0] * normal[0] + normal[1] * normal[1] + normal[2] * normal[2]);
      const double frequency = random.uniform(2.2, 3.8);
      for (int axis = 0; axis < 3; ++axis) direction[i][axis] = 2.0 * pi * frequency * normal[axis] / length;
      phase[i] = random.uniform(-pi, pi);
    }
  }
};

struct Lesion {
  Point centre;
  Point axes;
  double intensity;
  double opacity;
  Waves outline;

  /// Share of the lesion in the voxel at `p`, before opacity.
  double weight(const Point& p, double edge) const {
    const Point from_centre = {p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]};
    const double distance = radius_of(from_centre, axes) * (1.0 + outline.at(p));
    return opacity * logistic((1.0 - distance) * mean(axes) / edge);
  }
};

/// What an anatomy is made of at one point.
struct Tissue {
  double rho;  // head radius, 1 at the border of the brain
  double intensity;
  double solid;  // share that is not fluid
};

/// One subject's anatomy: draws all its parameters once, then answers for any point of the box.
class Anatomy {
 public:
  Anatomy(const CommonFolds& folds, double edge, Random& random)
      : edge_(edge), folds_(folds), warp_{make_warp(random)} {
    for (double& scale : scale_) scale = random.uniform(0.92, 1.08);
    const double angle = random.uniform(-0.15, 0.15);
    cosine_ = std::cos(angle);
    sine_ = std::sin(angle);
    for (double& shift : shift_) shift = random.uniform(-0.06, 0.06);
    for (double& phase : folds_.phase) phase += 0.5 * random.uniform(-pi, pi);
    fluid_ = 0.18 + 0.02 * random.normal();
    grey_ = 0.50 + 0.02 * random.normal();
    white_ = 0.78 + 0.02 * random.normal();
    ventricle_offset_ = random.uniform(0.12, 0.16);
    const double size = random.uniform(0.75, 1.3);
    ventricle_axes_ = {0.075 * size, 0.30 * size, 0.24 * size};
  }

  double fluid() const { return fluid_; }
  double grey() const { return grey_; }

  Tissue at(const Point& u) const {
    const Point p = posed(u);
    const double rho = radius_of(p, head_axes);
    if (rho >= 1.0) return {rho, 0.0, 0.0};  // outside the brain nothing is kept
    const double width = edge_ / mean(head_axes);
    const double fold = fold_at(p);
    double solid = logistic((0.95 - 0.08 * std::max(0.0, -fold - 0.6) - rho) / width);
    const double white = logistic((0.79 + 0.07 * fold - rho) / width);
    double intensity = fluid_ + (grey_ - fluid_) * solid + (white_ - grey_) * white;
    for (const double side : {-1.0, 1.0}) {
      const double nucleus = inside({p[0] - side * 0.28, p[1] + 0.02, p[2] + 0.02}, {0.11, 0.19, 0.18});
      intensity += nucleus * (grey_ + 0.06 - intensity);
    }
    for (const double side : {-1.0, 1.0}) {
      const Point from_centre = tilted({p[0] - side * ventricle_offset_, p[1], p[2]}, side * 0.22);
      const double ventricle = inside(from_centre, ventricle_axes_);
      intensity += ventricle * (fluid_ - intensity);
      solid *= 1.0 - ventricle;
    }
    return {rho, intensity, solid};
  }

 private:
  static std::array<Waves, 3> make_warp(Random& random) {
    Waves x(6, 1.5, 0.025, random), y(6, 1.5, 0.025, random), z(6, 1.5, 0.025, random);
    return {x, y, z};
  }
  static Point tilted(const Point& p, double angle) {
    return {std::cos(angle) * p[0] - std::sin(angle) * p[1], std::sin(angle) * p[0] + std::cos(angle) * p[1],
            p[2]};
  }
  Point posed(const Point& u) const {
    const Point scaled = {u[0] * scale_[0], u[1] * scale_[1], u[2] * scale_[2]};
    Point p = {cosine_ * scaled[0] - sine_ * scaled[1] + shift_[0],
               sine_ * scaled[0] + cosine_ * scaled[1] + shift_[1], scaled[2] + shift_[2]};
    const Point moved = {warp_[0].at(p), warp_[1].at(p), warp_[2].at(p)};
    for (int axis = 0; axis < 3; ++axis) p[axis] += moved[axis];
    return p;
  }
  double fold_at(const Point& p) const {
    double sum = 0.0;
    for (int i = 0; i < num_folds; ++i) {
      const auto& nu = folds_.direction[i];
      sum += std::cos(nu[0] * p[0] + nu[1] * p[1] + nu[2] * p[2] + folds_.phase[i]);
    }
    return std::sqrt(2.0 / num_folds) * sum;
  }
  double inside(const Point& from_centre, const Point& axes) const {
    return logistic((1.0 - radius_of(from_centre, axes)) * mean(axes) / edge_);
  }

  double edge_;
  CommonFolds folds_;
  std::array<Waves, 3> warp_;
  Point scale_{}, shift_{};
  double cosine_ = 1.0, sine_ = 0.0;
  double fluid_ = 0.0, grey_ = 0.0, white_ = 0.0;
  double ventricle_offset_ = 0.0;
  Point ventricle_axes_{};
};

std::vector<Lesion> make_lesions(const Anatomy& anatomy, Random& random) {
  std::vector<Lesion> lesions;
  const auto count = 1 + random.below(3);
  while (lesions.size() < count) {
    const Point centre = {random.uniform(-1.0, 1.0), random.uniform(-1.0, 1.0),
                          random.uniform(-half_height, half_height)};
    const Tissue tissue = anatomy.at(centre);
    if (tissue.rho >= 0.8 || tissue.solid < 0.5) continue;
    const double radius = random.uniform(0.15, 0.30);
    Point axes;
    for (double& axis : axes) axis = radius * random.uniform(0.75, 1.3);
    const double intensity = random.uniform(0.28, 0.48);
    const double opacity = random.uniform(0.75, 0.95);
    lesions.push_back({centre, axes, intensity, opacity, Waves(6, 5.0, 0.15, random)});
  }
  return lesions;
}

}  // namespace

PhantomBrain make_phantom(const std::array<std::int64_t, 3>& size, std::uint64_t seed, PhantomSet set,
                          std::uint64_t subject) {
  const double edge = 0.6 * 2.0 / static_cast<double>(size[0]);  // 0.6 pixel
  Random random(seed, Stream::phantom, static_cast<std::uint64_t>(set), subject);
  const Anatomy anatomy(CommonFolds(seed), edge, random);
  const Waves texture(8, 6.0, 0.015, random);
  const Waves bias(4, 1.0, 0.05, random);
  const auto lesions = set == PhantomSet::train ? std::vector<Lesion>{} : make_lesions(anatomy, random);

  PhantomBrain brain{Grid<float>(size), Grid<std::uint8_t>(size), Grid<std::uint8_t>(size)};
  const auto coordinate = [](std::int64_t i, std::int64_t n, double half) {
    return half * ((2.0 * static_cast<double>(i) + 1.0) / static_cast<double>(n) - 1.0);
  };
  for (std::int64_t x = 0; x < size[0]; ++x) {
    for (std::int64_t y = 0; y < size[1]; ++y) {
      for (std::int64_t z = 0; z < size[2]; ++z) {
        const Point u = {coordinate(x, size[0], 1.0), coordinate(y, size[1], 1.0),
                         coordinate(z, size[2], half_height)};
        const Tissue tissue = anatomy.at(u);
        const double noise = 0.015 * random.normal();
        if (tissue.rho >= 1.0) continue;
        double intensity = tissue.intensity + texture.at(u);
        for (const auto& lesion : lesions) {
          const double weight = lesion.weight(u, edge);
          intensity += weight * (lesion.intensity - intensity);
          if (weight >= 0.5) brain.lesion.at(x, y, z) = 1;
        }
        brain.mask.at(x, y, z) = 1;
        brain.image.at(x, y, z) = static_cast<float>(intensity * std::exp(bias.at(u)) + noise);
      }
    }
  }
  return brain;
}

}  // namespace gyrus
