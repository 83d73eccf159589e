#include "trainer/training_step.hpp"

#include "trainer/models/batch_norm.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

void place_in_global_batch(SampleGroups& groups, const StepContext& context) {
  groups.first = context.plan.part(context.rank).first;
  groups.global_batch = context.plan.global_batch();
  groups.spans_ranks = context.plan.groups_span_ranks(groups.group_samples);
  groups.sum_over_ranks = context.sum_over_ranks;
}

}  // namespace gyrus
