#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gyrus {

struct SliceShape;

/// A smooth displacement inside the plane of a slice: cubic B-splines on 7 x 7 control points over the slice,
/// of which the two outer layers stand still. The same for all slices of a volume. Reference: torchio's
/// RandomElasticDeformation (7 control points, 2 locked borders), in two dimensions.
struct Elastic {
  static constexpr int num_moving = 3;                                  // control points per axis that move
  static constexpr double max_mm = 7.5;                                 // largest displacement of one
  std::array<std::array<double, 2>, num_moving * num_moving> voxels{};  // displacement along rows, columns

  /// Where each pixel of the result comes from: row and column, [height * width, 2], inside the slice.
  std::vector<double> sources(const SliceShape& shape) const;

  /// The slice as seen through the displacement: pixel p of the result is the value at p + displacement(p),
  /// linear between pixels; beyond the border the nearest pixel counts.
  void deform(const SliceShape& shape, float* image) const;
  /// The same by the nearest pixel.
  void deform(const SliceShape& shape, std::uint8_t* labels) const;
};

/// Mirrors left and right: rows are the volume's x.
void flip_rows(const SliceShape& shape, float* image);
void flip_rows(const SliceShape& shape, std::uint8_t* labels);

/// v <- 1 - v inside the mask: dark becomes bright, as between T1 and T2.
void invert_contrast(const SliceShape& shape, const std::uint8_t* mask, float* image);

}  // namespace gyrus
