#include "trainer/feed/device_augment.hpp"

#include <torch/torch.h>

#include <vector>

#include "data/augment/operators.hpp"

namespace gyrus {
namespace {

/// Numbers made on the host, of the device's own copy.
torch::Tensor to_tensor(const std::vector<double>& values, const std::vector<std::int64_t>& shape,
                        torch::Device device) {
  return torch::tensor(values, torch::kFloat64).view(shape).to(device);
}

torch::Tensor to_tensor(const augment_kernels::BandMatrix& matrix, torch::Device device) {
  return to_tensor(matrix.values, {matrix.size, matrix.size}, device);
}

/// [n, 4]: powers 0 to 3 of the coordinate along an axis.
torch::Tensor coordinate_powers(std::int64_t n, torch::Device device) {
  std::vector<double> powers;
  for (std::int64_t i = 0; i < n; ++i) {
    const double x = axis_coordinate(i, n);
    for (const double power : {1.0, x, x * x, x * x * x}) powers.push_back(power);
  }
  return to_tensor(powers, {n, 4}, device);
}

/// The bias field of several slices: [slices, H, W].
torch::Tensor bias_field(const std::array<double, 20>& coefficients, const std::vector<std::int64_t>& slices,
                         const SliceShape& shape, torch::Device device) {
  std::vector<double> planes;
  for (const auto slice : slices)
    for (const auto& row : bias_in_plane(coefficients, axis_coordinate(slice, shape.depth)))
      planes.insert(planes.end(), row.begin(), row.end());
  const torch::Tensor in_plane = to_tensor(planes, {static_cast<std::int64_t>(slices.size()), 4, 4}, device);
  return coordinate_powers(shape.height, device)
      .matmul(in_plane)
      .matmul(coordinate_powers(shape.width, device).t())
      .exp();
}

torch::Tensor signed_power(const torch::Tensor& values, double exponent) {
  return values.sign() * values.abs().pow(exponent);
}

/// Gamma, bias field, blur and ghosting. @return [H, W], float32
torch::Tensor augment_intensities(const Augmentation& augmentation, std::int64_t slice,
                                  const SliceShape& shape, const torch::Tensor& images) {
  const auto device = images.device();
  const auto weights = source_weights(augmentation, slice, shape.depth);
  std::vector<std::int64_t> sources;
  std::vector<double> source_weight;
  for (std::int64_t j = 0; j < shape.depth; ++j) {
    if (weights[static_cast<std::size_t>(j)] == 0.0) continue;
    sources.push_back(j);
    source_weight.push_back(weights[static_cast<std::size_t>(j)]);
  }
  torch::Tensor values = images.index_select(0, torch::tensor(sources, torch::kInt64).to(device));
  if (augmentation.gamma) values = signed_power(values, *augmentation.gamma);
  if (augmentation.bias_coefficients)
    values =
        (values * bias_field(*augmentation.bias_coefficients, sources, shape, device)).to(torch::kFloat32);
  torch::Tensor plane = (values.to(torch::kFloat64) *
                         to_tensor(source_weight, {static_cast<std::int64_t>(sources.size()), 1, 1}, device))
                            .sum(0);
  if (augmentation.blur_std)
    plane = to_tensor(blur_matrix((*augmentation.blur_std)[0], shape.height), device)
                .matmul(plane)
                .matmul(to_tensor(blur_matrix((*augmentation.blur_std)[1], shape.width), device).t());
  if (augmentation.ghosting && augmentation.ghosting->axis == 0)
    plane = to_tensor(ghost_matrix(*augmentation.ghosting, shape.height), device).matmul(plane);
  if (augmentation.ghosting && augmentation.ghosting->axis == 1)
    plane = plane.matmul(to_tensor(ghost_matrix(*augmentation.ghosting, shape.width), device).t());
  return plane.to(torch::kFloat32);
}

void deform(const Elastic& elastic, const SliceShape& shape, DeviceSlice& slice) {
  const torch::Tensor places =
      to_tensor(elastic.sources(shape), {shape.height, shape.width, 2}, slice.image.device());
  const torch::Tensor low = places.floor(), fraction = places - low;
  const auto pixel = [&](const torch::Tensor& rows, const torch::Tensor& columns) {
    return (rows.clamp_max(shape.height - 1) * shape.width + columns.clamp_max(shape.width - 1))
        .to(torch::kInt64);
  };
  const auto row = low.select(2, 0), column = low.select(2, 1);
  const auto u = fraction.select(2, 0), v = fraction.select(2, 1);
  const torch::Tensor image = slice.image.to(torch::kFloat64);
  const auto at = [&](const torch::Tensor& rows, const torch::Tensor& columns) {
    return image.take(pixel(rows, columns));
  };
  slice.image = ((1.0 - u) * ((1.0 - v) * at(row, column) + v * at(row, column + 1)) +
                 u * ((1.0 - v) * at(row + 1, column) + v * at(row + 1, column + 1)))
                    .to(torch::kFloat32);
  // Halves go up, as the CPU rounds them.
  const torch::Tensor nearest = (places + 0.5).floor();
  slice.mask = slice.mask.take(pixel(nearest.select(2, 0), nearest.select(2, 1)));
}

}  // namespace

DeviceSlice augment_on_device(const Augmentation& augmentation, std::int64_t slice,
                              const torch::Tensor& images, const torch::Tensor& masks) {
  const SliceShape shape{images.size(0), images.size(1), images.size(2)};
  DeviceSlice result;
  result.image = augmentation.changes_intensities() ? augment_intensities(augmentation, slice, shape, images)
                                                    : images[slice];
  result.mask = masks[slice];
  if (augmentation.flip) {
    result.image = result.image.flip({0});
    result.mask = result.mask.flip({0});
  }
  if (augmentation.elastic) deform(*augmentation.elastic, shape, result);
  if (augmentation.invert) result.image = torch::where(result.mask != 0, 1.0f - result.image, result.image);
  return result;
}

}  // namespace gyrus
