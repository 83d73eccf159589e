#pragma once

#include <torch/nn/module.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "trainer/checkpoint/published.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {

/// Names and shapes of a model's state, in its order.
struct ModelLayout {
  using Entry = std::pair<std::string, std::vector<std::int64_t>>;
  std::vector<Entry> parameters, buffers;
};
ModelLayout layout_of(const torch::nn::Module& model);

/// Overrides ("model.base_width=128", ...) of what the tensors say about the model: conditioning, widths,
/// levels, blocks, attention, encoder. Groups of norms and width of heads leave no trace in them. Empty when
/// the checkpoint has no UNet.
/// @throws DataError when the tensors contradict each other
std::vector<std::string> deduce_model(const PublishedCheckpoint& checkpoint, const std::string& where);

/// The state that a run of ours goes on from. Weights keep their names; the 13 schedule tables `diffusion.*`
/// are compared with our schedule and dropped, as are the counters num_batches_tracked and SparK's unused
/// constants. Moments come along when they are complete and fit. Tensors are views into the mapped
/// file and keep it mapped.
/// @param global_batch  samples per step, to tell samples from steps
/// @throws DataError with the number and first names of tensors that are missing, left over, of another shape
/// or type; or with the table that differs
TrainState import_state(const PublishedCheckpoint& checkpoint, const ModelLayout& layout,
                        std::int64_t global_batch, const std::filesystem::path& file);

}  // namespace gyrus
