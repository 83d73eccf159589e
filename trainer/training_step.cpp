#include "trainer/training_step.hpp"

#include <torch/torch.h>

#include "data/random.hpp"
#include "trainer/models/batch_norm.hpp"
#include "trainer/models/resnet.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

void place_in_global_batch(SampleGroups& groups, const StepContext& context) {
  groups.first = context.plan.part(context.rank).first;
  groups.global_batch = context.plan.global_batch();
  groups.spans_ranks = context.plan.groups_span_ranks(groups.group_samples);
  groups.sum_over_ranks = context.sum_over_ranks;
}

torch::Tensor drop_path_keep(const ResNet& encoder, const Batch& batch, std::uint64_t seed,
                             torch::Device device) {
  const auto& rates = encoder.drop_rates();
  if (rates.empty() || rates.back() == 0.0) return {};
  torch::Tensor keep =
      torch::ones({static_cast<std::int64_t>(rates.size()), static_cast<std::int64_t>(batch.samples.size())});
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    Random random(seed, Stream::drop_path, batch.samples[i].epoch, batch.samples[i].global_index);
    for (std::size_t block = 0; block < rates.size(); ++block)
      if (random.uniform() < rates[block])
        keep[static_cast<std::int64_t>(block)][static_cast<std::int64_t>(i)] = 0.0f;
  }
  return keep.to(device);
}

}  // namespace gyrus
