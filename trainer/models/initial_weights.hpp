#pragma once

#include <torch/nn/module.h>

#include <cstdint>

namespace gyrus {

/// Sets every parameter from (seed, its name), so that equal names have equal weights in any build, order or
/// world size. Distributions are the published ones (method sections 2.3, 2.4, 3, 4): PyTorch's defaults in
/// the UNet, kaiming-normal fan-out in the encoder's convolutions, zero for the last layer of each residual
/// branch, truncated normal in the pre-training's decoder and tokens.
void initialise_weights(torch::nn::Module& model, std::uint64_t seed);

}  // namespace gyrus
