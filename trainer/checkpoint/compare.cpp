#include "trainer/checkpoint/compare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <limits>
#include <optional>

namespace gyrus {
namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();

/// Largest entry; infinite where one side alone is not a number.
double largest(const torch::Tensor& differences) {
  const double value = differences.max().item<double>();
  return std::isnan(value) ? std::numeric_limits<double>::infinity() : value;
}

std::optional<TensorDifference> compare(const std::string& name, const torch::Tensor& a,
                                        const torch::Tensor& b) {
  if (a.sizes() != b.sizes())
    return TensorDifference{name,
                            fmt::format("shape [{}] and [{}]", fmt::join(a.sizes().vec(), ", "),
                                        fmt::join(b.sizes().vec(), ", ")),
                            nothing, nothing};
  if (a.scalar_type() != b.scalar_type())
    return TensorDifference{
        name, fmt::format("type {} and {}", c10::toString(a.scalar_type()), c10::toString(b.scalar_type())),
        nothing, nothing};
  if (tensor_digest(a) == tensor_digest(b)) return std::nullopt;
  const torch::Tensor x = a.to(torch::kFloat64), y = b.to(torch::kFloat64);
  torch::Tensor absolute = (x - y).abs();
  absolute.masked_fill_(x == y, 0.0);  // equal infinities
  absolute.masked_fill_(x.isnan() & y.isnan(), 0.0);
  const torch::Tensor scale = torch::maximum(x.abs(), y.abs());
  const torch::Tensor relative = torch::where(absolute == 0.0, torch::zeros_like(absolute), absolute / scale);
  return TensorDifference{name, "values", largest(absolute), largest(relative)};
}

}  // namespace

std::vector<TensorDifference> compare_tensors(const NamedTensors& first, const NamedTensors& second) {
  std::vector<TensorDifference> differences;
  for (const auto& [name, tensor] : first) {
    const auto other = second.find(name);
    if (other == second.end()) {
      differences.push_back({name, "only in the first", nothing, nothing});
    } else if (auto difference = compare(name, tensor, other->second)) {
      differences.push_back(*std::move(difference));
    }
  }
  for (const auto& [name, unused] : second)
    if (!first.contains(name)) differences.push_back({name, "only in the second", nothing, nothing});
  return differences;
}

}  // namespace gyrus
