#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// `gyrus checkpoint`:
///   ls | verify PATH            what checkpoints there are, and whether every byte of them is what was
///   written;
///                               verify returns 3 when one is damaged
///   diff A B                    tensors whose names, shapes or values differ; returns 1 when there are any
///   export CHECKPOINT FILE      the weights as one safetensors file with the published names
///   import FILE OUT_DIR         a published PyTorch Lightning checkpoint as a run folder
int checkpoint_verb(const std::vector<std::string>& arguments);

}  // namespace gyrus
