#pragma once

#include <torch/types.h>
#include <torch/csrc/distributed/c10d/Backend.hpp>

#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "launch/mpi.hpp"

namespace gyrus {

/// Adds `tensor` (contiguous, on the CPU) over all ranks, in place. Every element is summed in rank order, so
/// the result does not depend on how tensors are packed into messages, and is equal on all ranks bit for bit.
/// Collective. @throws CommError
void sum_in_rank_order(const mpi::Communicator& communicator, torch::Tensor& tensor);

/// c10d backend over MPI for CPU tensors: what `c10d::Reducer` needs (sum all-reduce, broadcast, barrier).
/// Operations run one after another on a thread of the backend, so they overlap with the computation. Thread
/// safety: calls may come from any thread, in the same order on all ranks. Destruction is not collective.
class MpiBackend : public c10d::Backend {
 public:
  explicit MpiBackend(mpi::Communicator communicator);
  ~MpiBackend() override;

  const std::string getBackendName() const override { return "gyrus-mpi"; }
  c10::intrusive_ptr<c10d::Work> allreduce(std::vector<at::Tensor>& tensors,
                                           const c10d::AllreduceOptions& options) override;
  c10::intrusive_ptr<c10d::Work> broadcast(std::vector<at::Tensor>& tensors,
                                           const c10d::BroadcastOptions& options) override;
  c10::intrusive_ptr<c10d::Work> barrier(const c10d::BarrierOptions& options) override;

 private:
  class QueuedWork;
  c10::intrusive_ptr<c10d::Work> enqueue(c10d::OpType type, std::vector<at::Tensor> tensors,
                                         std::function<void()> operation);
  void run();

  mpi::Communicator communicator_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::pair<c10::intrusive_ptr<QueuedWork>, std::function<void()>>> queue_;
  bool stopping_ = false;
  std::thread thread_;  // last member: starts when everything above is ready
};

}  // namespace gyrus
