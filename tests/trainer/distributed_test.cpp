// Sums over ranks, gradient synchronisation and batch norms whose groups span ranks; each fails when
// communication does nothing.
#include <gtest/gtest.h>
#include <torch/torch.h>
#include <torch/csrc/distributed/c10d/ProcessGroup.hpp>

#include "launch/agree.hpp"
#include "launch/error.hpp"
#include "launch/mpi.hpp"
#include "launch/topology.hpp"
#include "trainer/distributed/gradient_sync.hpp"
#include "trainer/distributed/mpi_backend.hpp"
#include "trainer/distributed/process_group.hpp"
#include "trainer/distributed/replicas.hpp"
#include "trainer/models/batch_norm.hpp"
#include "trainer/plan.hpp"

namespace gyrus {
namespace {

const mpi::Communicator& world() {
  static const auto* communicator =
      new mpi::Communicator(mpi::Communicator::world());  // lives as long as MPI
  return *communicator;
}

double sum_of_ranks_plus_one() {
  return world().size() * (world().size() + 1) / 2.0;
}

TEST(MpiSum, AddsEverySizeOfTensorInRankOrder) {
  for (const std::int64_t count : {1, 3, 1000, 5003, 300'000}) {
    torch::Tensor tensor = torch::full({count}, world().rank() + 1.0, torch::kFloat32);
    tensor[count - 1] = 10.0 * (world().rank() + 1);
    sum_in_rank_order(world(), tensor);
    EXPECT_EQ(tensor[count - 1].item<double>(), 10.0 * sum_of_ranks_plus_one());
    if (count > 1) {
      EXPECT_EQ(tensor[0].item<double>(), sum_of_ranks_plus_one());
    }
  }
}

TEST(MpiSum, AnElementsSumDoesNotDependOnTheMessageItTravelsIn) {
  torch::manual_seed(world().rank());
  const torch::Tensor values = torch::randn({40'000});
  torch::Tensor whole = values.clone();
  sum_in_rank_order(world(), whole);
  for (const std::int64_t piece : {1000, 7001}) {
    torch::Tensor pieces = values.clone();
    for (std::int64_t first = 0; first < pieces.numel(); first += piece) {
      torch::Tensor part = pieces.slice(0, first, std::min(pieces.numel(), first + piece));
      sum_in_rank_order(world(), part);
    }
    EXPECT_TRUE(pieces.equal(whole));
  }
}

TEST(MpiBackend, CarriesAllReduceAndBroadcastInOrder) {
  const auto group = make_process_group(world(), torch::kCPU);
  std::vector<torch::Tensor> sums = {torch::full({10}, world().rank() + 1.0)};
  std::vector<torch::Tensor> word = {torch::full({2}, world().rank() + 5, torch::kInt32)};
  auto first = group->allreduce(sums);
  auto second = group->broadcast(word);
  second->wait();
  first->wait();
  EXPECT_EQ(sums[0][3].item<double>(), sum_of_ranks_plus_one());
  EXPECT_EQ(word[0][1].item<int>(), 5);
}

TEST(GradientSync, AccumulatesLocallyAndSumsOnceOverRanks) {
  const auto group = make_process_group(world(), torch::kCPU);
  torch::Tensor small = torch::ones({3}).requires_grad_(true),
                large = torch::ones({500, 700}).requires_grad_(true);
  GradientSync sync({small, large}, group, 1 << 18);
  for (int step = 0; step < 3; ++step) {  // buckets are rebuilt after the first step
    sync.zero_gradients();
    const double factor = world().rank() + 1.0;
    (small.sum() * factor + large.sum() * factor).backward();  // a micro-batch before the last
    sync.expect_last_backward();
    (large.sum() * factor).backward();  // gradients of one step may come from several backward passes
    (small.sum() * factor).backward();
    EXPECT_EQ(small.grad()[0].item<double>(), 2.0 * sum_of_ranks_plus_one());
    EXPECT_EQ(large.grad()[499][699].item<double>(), 2.0 * sum_of_ranks_plus_one());
  }
}

/// Forward, loss, backward and running statistics of one norm over this rank's part of `batch`.
struct NormResult {
  torch::Tensor output, input_gradient, weight_gradient, running_mean, running_var;
};
NormResult run_norm(const torch::Tensor& batch, const torch::Tensor& direction, std::int64_t group_samples,
                    int rank, int ranks, const torch::Tensor& active = {}) {
  const Plan plan(batch.size(0), batch.size(0), ranks);
  const auto [first, last] = plan.part(rank);
  auto groups = std::make_shared<SampleGroups>();
  groups->first = first;
  groups->global_batch = batch.size(0);
  groups->group_samples = group_samples;
  groups->spans_ranks = plan.groups_span_ranks(group_samples);
  if (ranks > 1) groups->sum_over_ranks = [](torch::Tensor& tensor) { sum_in_rank_order(world(), tensor); };
  auto norm = std::make_shared<GroupBatchNorm>(batch.size(1), groups);
  norm->to(torch::kFloat64);
  torch::Tensor input = batch.slice(0, first, last).clone().requires_grad_(true);
  const torch::Tensor output =
      norm->forward(input, active.defined() ? active.slice(0, first, last) : active);
  (output * direction.slice(0, first, last)).sum().backward();
  auto holder = std::make_shared<torch::nn::Module>("holder");
  holder->register_module("norm", norm);
  update_running_statistics(*holder, *groups, last - first);
  torch::Tensor weight_gradient = norm->named_parameters()["weight"].grad().clone();
  if (ranks > 1) sum_in_rank_order(world(), weight_gradient);
  return {output.detach(), input.grad(), weight_gradient, norm->named_buffers()["running_mean"],
          norm->named_buffers()["running_var"]};
}

TEST(GroupBatchNorm, GroupsThatSpanRanksGiveTheResultOfOneRank) {
  torch::manual_seed(5);
  const std::int64_t samples = 11;  // does not divide
  const torch::Tensor dense = torch::randn({samples, 3, 4, 4}, torch::kFloat64) * 2 + 1;
  const torch::Tensor direction = torch::randn({samples, 3, 4, 4}, torch::kFloat64);
  const torch::Tensor some = (torch::rand({samples, 1, 4, 4}) > 0.5).to(torch::kFloat64);
  for (const auto& [group_samples, active] :
       std::vector<std::pair<std::int64_t, torch::Tensor>>{{0, {}}, {3, {}}, {4, {}}, {0, some}, {4, some}}) {
    const torch::Tensor batch = active.defined() ? dense * active : dense;
    const NormResult whole = run_norm(batch, direction, group_samples, 0, 1, active);
    const NormResult part = run_norm(batch, direction, group_samples, world().rank(), world().size(), active);
    const auto [first, last] = Plan(samples, samples, world().size()).part(world().rank());
    EXPECT_TRUE(part.output.allclose(whole.output.slice(0, first, last), 1e-12, 1e-12));
    EXPECT_TRUE(part.input_gradient.allclose(whole.input_gradient.slice(0, first, last), 1e-11, 1e-12));
    EXPECT_TRUE(part.weight_gradient.allclose(whole.weight_gradient, 1e-11, 1e-12));
    EXPECT_TRUE(part.running_mean.allclose(whole.running_mean, 1e-12, 1e-12));
    EXPECT_TRUE(part.running_var.allclose(whole.running_var, 1e-12, 1e-12));
  }
}

TEST(GroupBatchNorm, OneGroupEqualsPlainBatchNorm) {
  torch::manual_seed(6);
  const torch::Tensor batch = torch::randn({6, 3, 4, 4}, torch::kFloat64);
  const NormResult ours = run_norm(batch, torch::ones_like(batch), 0, 0, 1);
  torch::Tensor mean = torch::zeros({3}, torch::kFloat64), var = torch::ones({3}, torch::kFloat64);
  const torch::Tensor plain = torch::batch_norm(batch, {}, {}, mean, var, true, 0.1, 1e-5, false);
  EXPECT_TRUE(ours.output.allclose(plain, 1e-12, 1e-12));
  EXPECT_TRUE(ours.running_mean.allclose(mean, 1e-12, 1e-12));
  EXPECT_TRUE(ours.running_var.allclose(var, 1e-12, 1e-12));
}

TEST(Replicas, OneChangedBitOnOneRankIsFoundAndNamedOnAll) {
  torch::manual_seed(7);
  torch::nn::Linear layer(5, 3);  // equal on all ranks
  EXPECT_NO_THROW(check_replicas(world(), *layer, ""));
  if (world().size() == 1) return;
  const int last = world().size() - 1;
  if (world().rank() == last) {
    const torch::NoGradGuard no_gradient;
    auto* word = reinterpret_cast<std::uint32_t*>(layer->weight.data_ptr<float>());
    *word ^= 1;
  }
  try {
    check_replicas(world(), *layer, "Start again");
    FAIL() << "every rank must throw";
  } catch (const AgreedError& problem) {
    EXPECT_EQ(problem.code(), ExitCode::communication);
    const std::string message = problem.what();
    EXPECT_NE(message.find("weights of rank " + std::to_string(last)), std::string::npos) << message;
    EXPECT_NE(message.find("Start again"), std::string::npos) << message;
  }
}

TEST(Communicator, GathersSumsAndBroadcasts) {
  EXPECT_EQ(world().sum<std::int64_t>(world().rank() + 1),
            static_cast<std::int64_t>(sum_of_ranks_plus_one()));
  EXPECT_EQ(world().max(world().rank() * 1.5), (world().size() - 1) * 1.5);
  const auto texts = world().all_gather_text(std::string(static_cast<std::size_t>(world().rank()), 'x'));
  for (int rank = 0; rank < world().size(); ++rank)
    EXPECT_EQ(texts[rank].size(), static_cast<std::size_t>(rank));
  EXPECT_EQ(world().broadcast_text(world().rank() == 0 ? "hello" : "", 0), "hello");
}

TEST(Topology, AllRanksOfOneMachineAreOneNode) {
  const Topology topology = find_topology(world());
  EXPECT_EQ(topology.num_nodes, 1);
  EXPECT_EQ(topology.local_rank, world().rank());
  EXPECT_EQ(topology.local_size, world().size());
}

TEST(Agree, AnErrorOfOneRankIsThrownByAll) {
  const int last = world().size() - 1;
  try {
    on_every_rank(world(), [&] {
      if (world().rank() == last) throw DataError("shard 7 is missing");
    });
    FAIL() << "every rank must throw";
  } catch (const AgreedError& problem) {
    EXPECT_STREQ(problem.what(), "shard 7 is missing");
    EXPECT_EQ(problem.code(), ExitCode::data);
  }
  EXPECT_THROW(on_rank_zero(world(), [] { throw ConfigError("no"); }), AgreedError);
}

}  // namespace
}  // namespace gyrus
