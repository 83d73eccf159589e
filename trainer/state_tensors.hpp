#pragma once

#include <torch/types.h>

#include <string>
#include <vector>

#include "trainer/checkpoint/safetensors.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/optimizer.hpp"

/// Between modules and the named tensors of a checkpoint.
namespace gyrus {

/// Parameters, then buffers, in the module's order.
std::vector<torch::Tensor> state_tensors(const torch::nn::Module& model);
NamedTensors named_state(const torch::nn::Module& model);
/// "first.NAME" and "second.NAME" for each parameter.
NamedTensors named_moments(const Optimizer& optimizer, const torch::nn::Module& model);

/// To the device, in the memory format that is fast there (channels last on a GPU). @pre before gradients are
/// synchronised
void move_model(torch::nn::Module& model, torch::Device device);
void copy_state(const torch::nn::Module& from, torch::nn::Module& to);

/// One step of the running average of the weights (Q15): average += (1 - d) (model - average), buffers too.
/// d = min(decay, (1 + n) / (10 + n)) after n updates: young averages forget faster, else the first steps
/// would stay in them for long.
void move_average(torch::nn::Module& average, const torch::nn::Module& model, double decay,
                  std::int64_t num_updates);

/// Copies `tensors` into the model. @throws DataError when a name is missing, left over, or has another shape
void load_tensors(torch::nn::Module& model, const NamedTensors& tensors, const std::string& where);
void load_optimizer(Optimizer& optimizer, const torch::nn::Module& model, const NamedTensors& tensors,
                    const std::string& where);

}  // namespace gyrus
