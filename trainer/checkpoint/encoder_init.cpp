#include "trainer/checkpoint/encoder_init.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include "launch/error.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

const std::string pretrained_prefix = "model.sparse_encoder.sp_cnn.", encoder_prefix = "encoder.encoder.",
                  last_layer = "fc.";

/// The encoder's tensors in a checkpoint, by their names inside the encoder.
NamedTensors encoder_tensors(const NamedTensors& all) {
  NamedTensors found;
  for (const auto& [name, tensor] : all)
    for (const auto& prefix : {pretrained_prefix, encoder_prefix})
      if (name.starts_with(prefix)) found[name.substr(prefix.size())] = tensor;
  return found;
}

}  // namespace

void initialise_encoder(DiffusionModel& model, const std::filesystem::path& checkpoint) {
  const torch::NoGradGuard no_gradient;
  const auto folder = best_or_newest(checkpoint);
  const TrainState state = read_checkpoint(folder);
  const NamedTensors source = encoder_tensors(state.average.empty() ? state.weights : state.average);
  const NamedTensors targets = named_state(model.encoder());
  std::vector<std::string> problems;
  bool has_last_layer = false;
  for (const auto& [name, target] : targets) {
    const auto found = source.find(name);
    if (found == source.end()) {
      if (!name.starts_with(last_layer)) problems.push_back(fmt::format("{} is missing", name));
      continue;
    }
    has_last_layer |= name.starts_with(last_layer);
    if (found->second.sizes() == target.sizes())
      torch::Tensor(target).copy_(found->second);
    else
      problems.push_back(fmt::format("{} has shape [{}] instead of [{}]", name,
                                     fmt::join(found->second.sizes().vec(), ", "),
                                     fmt::join(target.sizes().vec(), ", ")));
  }
  for (const auto& [name, unused] : source)
    if (!targets.contains(name)) problems.push_back(fmt::format("{} is left over", name));
  if (!problems.empty())
    throw DataError(
        fmt::format("model.encoder.init={}: {} is of another encoder than model.encoder describes:\n  {}",
                    checkpoint.string(), folder.string(), fmt::join(problems, "\n  ")));
  log::info("the encoder starts from {}{}", folder.string(),
            has_last_layer ? "" : " (its last linear layer from random weights)");
}

}  // namespace gyrus
