#include "data/placement/job_data.hpp"

#include <fmt/format.h>

#include <cstdlib>

#include "data/placement/local_stage.hpp"
#include "data/placement/node_cache.hpp"
#include "data/placement/node_memory.hpp"
#include "data/shard/foreign.hpp"
#include "launch/agree.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

NodeFacts look_around(const DataOptions& options, const Dataset& dataset, const std::string& set) {
  NodeFacts facts;
  facts.cache_bytes = NodeCache::bytes_of(dataset, set);
  facts.memory_bytes = available_shared_memory();
  facts.network_file_system = network_file_system(options.root);
  facts.has_shards = !is_foreign(options.root);
  if (!facts.has_shards) return facts;
  facts.shards_bytes = LocalStage::bytes_of(dataset.shards());
  if (options.source_policy == "local_stage")
    facts.stage_bytes = LocalStage::room_bytes(options.stage, dataset.shards());
  if (options.source_policy == "auto" && !facts.network_file_system.empty()) {
    try {
      facts.stage_bytes = LocalStage::room_bytes(options.stage, dataset.shards());
    } catch (const DataError& problem) {
      log::info("no copies on this node: {}", problem.what());
    }
  }
  return facts;
}

void warn_of_one_core(const Topology& topology) {
  if (std::getenv("SLURM_JOB_ID") == nullptr || topology.cores > 1) return;
  log::warning(
      "this job has one core per rank, which reading slices and training share; ask SLURM for more with "
      "submit.cpus_per_task (or mpirun --bind-to none, where mpirun bound the ranks)");
}

}  // namespace

JobData open_for_job(const DataOptions& options, const std::string& set, const mpi::Communicator& world,
                     const Topology& topology) {
  warn_of_one_core(topology);
  const auto node = world.split_by_node();
  const auto num_threads = static_cast<std::size_t>(topology.own_cores());
  JobData job;
  auto& dataset = job.dataset;
  on_every_rank(world, [&] {
    dataset = std::make_shared<Dataset>(Dataset::open(options));
    if (node.rank() == 0)
      job.source = choose_policy(options.source_policy, look_around(options, *dataset, set));
  });
  job.source.policy = node.broadcast_text(job.source.policy, 0);
  job.source.reason = node.broadcast_text(job.source.reason, 0);
  // Nodes may choose differently, so all of them walk through all that follows.
  std::string copies;
  on_every_rank(world, [&] {
    if (job.source.policy != "local_stage" || node.rank() != 0) return;
    job.stage =
        std::make_unique<const LocalStage>(options.stage, options.root, dataset->shards(), num_threads);
    copies = job.stage->folder().string();
  });
  copies = node.broadcast_text(copies, 0);
  on_every_rank(world, [&] {
    if (!copies.empty()) dataset->read_copies(copies);
  });
  if (job.source.policy == "node_cache")
    dataset->read_through(set, std::make_shared<const NodeCache>(*dataset, set, node, num_threads));
  return job;
}

void check_same_order(const SampleOrder& order, const mpi::Communicator& world) {
  const auto samples = static_cast<std::int64_t>(order.samples_per_epoch());
  const std::int64_t most = world.max(samples), least = -world.max(-samples);
  if (most == least) return;
  throw AgreedError(
      ExitCode::data,
      fmt::format("ranks have epochs of {} to {} samples: some node cannot read a shard that others can; its "
                  "log names it, and data.faults=fail ends the job there",
                  least, most));
}

}  // namespace gyrus
