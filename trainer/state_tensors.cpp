#include "trainer/state_tensors.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>

#include "launch/error.hpp"

namespace gyrus {
namespace {

void copy_into(const NamedTensors& targets, const NamedTensors& tensors, const std::string& where) {
  const torch::NoGradGuard no_gradient;
  for (const auto& [name, target] : targets) {
    const auto found = tensors.find(name);
    if (found == tensors.end())
      throw DataError(fmt::format("{} has no tensor {}: it belongs to another model", where, name));
    if (found->second.sizes() != target.sizes())
      throw DataError(fmt::format("{}: tensor {} has shape [{}], this model needs [{}]", where, name,
                                  fmt::join(found->second.sizes().vec(), ", "),
                                  fmt::join(target.sizes().vec(), ", ")));
    torch::Tensor(target).copy_(found->second);
  }
  for (const auto& [name, tensor] : tensors)
    if (!targets.contains(name))
      throw DataError(fmt::format("{} has a tensor {} that this model does not know", where, name));
}

}  // namespace

std::vector<torch::Tensor> state_tensors(const torch::nn::Module& model) {
  std::vector<torch::Tensor> tensors = model.parameters();
  for (const auto& buffer : model.buffers()) tensors.push_back(buffer);
  return tensors;
}

NamedTensors named_state(const torch::nn::Module& model) {
  NamedTensors tensors;
  for (const auto& item : model.named_parameters()) tensors[item.key()] = item.value().detach();
  for (const auto& item : model.named_buffers()) tensors[item.key()] = item.value();
  return tensors;
}

NamedTensors named_moments(const Optimizer& optimizer, const torch::nn::Module& model) {
  NamedTensors tensors;
  std::size_t i = 0;
  for (const auto& item : model.named_parameters()) {
    tensors["first." + item.key()] = optimizer.first_moments()[i];
    tensors["second." + item.key()] = optimizer.second_moments()[i++];
  }
  return tensors;
}

void move_model(torch::nn::Module& model, torch::Device device) {
  model.to(device);
  if (!device.is_cuda()) return;
  for (auto& parameter : model.parameters())
    if (parameter.dim() == 4) parameter.set_data(parameter.contiguous(torch::MemoryFormat::ChannelsLast));
}

void copy_state(const torch::nn::Module& from, torch::nn::Module& to) {
  copy_into(named_state(to), named_state(from), "the model");
}

void move_average(torch::nn::Module& average, const torch::nn::Module& model, double decay,
                  std::int64_t num_updates) {
  const torch::NoGradGuard no_gradient;
  const auto updates = static_cast<double>(num_updates);
  const double used = std::min(decay, (1.0 + updates) / (10.0 + updates));
  auto shadows = state_tensors(average);
  torch::_foreach_lerp_(shadows, state_tensors(model), 1.0 - used);
}

void load_tensors(torch::nn::Module& model, const NamedTensors& tensors, const std::string& where) {
  copy_into(named_state(model), tensors, where);
}

void load_optimizer(Optimizer& optimizer, const torch::nn::Module& model, const NamedTensors& tensors,
                    const std::string& where) {
  copy_into(named_moments(optimizer, model), tensors, where);
}

}  // namespace gyrus
