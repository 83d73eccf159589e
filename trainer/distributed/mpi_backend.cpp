// Gradient all-reduce over MPI. Open MPI's own algorithms choose the order of additions by message size, so
// the sum of an element would depend on the bucket it travels in; a resumed run packs its first buckets
// differently and would drift from the undisturbed one. Here rank q owns the q-th part of a message, adds the
// contributions in rank order, and hands the sum out.
#include "trainer/distributed/mpi_backend.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr int tag = 71;
// Below this size one exchange of everything is faster than the two of the divided algorithm.
constexpr std::int64_t small_message_bytes = 16 << 10;

MPI_Datatype datatype_of(const torch::Tensor& tensor) {
  switch (tensor.scalar_type()) {
    case torch::kFloat32:
      return MPI_FLOAT;
    case torch::kFloat64:
      return MPI_DOUBLE;
    case torch::kInt64:
      return MPI_INT64_T;
    default:
      throw CommError(
          fmt::format("the MPI backend does not carry tensors of type {}", toString(tensor.scalar_type())));
  }
}

class Requests {
 public:
  void send(const mpi::Communicator& to, const torch::Tensor& part, int rank) {
    if (part.numel() == 0) return;
    mpi::check(MPI_Isend(part.data_ptr(), static_cast<int>(part.numel()), datatype_of(part), rank, tag,
                         to.raw(), &add()),
               "MPI_Isend");
  }
  void receive(const mpi::Communicator& from, const torch::Tensor& part, int rank) {
    if (part.numel() == 0) return;
    mpi::check(MPI_Irecv(part.data_ptr(), static_cast<int>(part.numel()), datatype_of(part), rank, tag,
                         from.raw(), &add()),
               "MPI_Irecv");
  }
  void wait() { mpi::wait_all(requests_, "gradient exchange"); }

 private:
  MPI_Request& add() { return requests_.emplace_back(MPI_REQUEST_NULL); }
  std::vector<MPI_Request> requests_;
};

void sum_small(const mpi::Communicator& communicator, torch::Tensor& flat) {
  torch::Tensor all = torch::empty({communicator.size(), flat.numel()}, flat.options());
  Requests requests;
  for (int rank = 0; rank < communicator.size(); ++rank) {
    if (rank == communicator.rank())
      all[rank].copy_(flat);
    else
      requests.receive(communicator, all[rank], rank);
  }
  for (int rank = 0; rank < communicator.size(); ++rank)
    if (rank != communicator.rank()) requests.send(communicator, flat, rank);
  requests.wait();
  flat.copy_(all[0]);
  for (int rank = 1; rank < communicator.size(); ++rank) flat.add_(all[rank]);
}

void sum_divided(const mpi::Communicator& communicator, torch::Tensor& flat) {
  const int size = communicator.size(), self = communicator.rank();
  const auto part_of = [&](int rank) {
    return flat.slice(0, flat.numel() * rank / size, flat.numel() * (rank + 1) / size);
  };
  torch::Tensor own = part_of(self);
  torch::Tensor contributions = torch::empty({size, own.numel()}, flat.options());
  Requests requests;
  for (int rank = 0; rank < size; ++rank) {
    if (rank == self)
      contributions[rank].copy_(own);
    else
      requests.receive(communicator, contributions[rank], rank);
  }
  for (int step = 1; step < size; ++step)
    requests.send(communicator, part_of((self + step) % size), (self + step) % size);
  requests.wait();
  own.copy_(contributions[0]);
  for (int rank = 1; rank < size; ++rank) own.add_(contributions[rank]);
  for (int rank = 0; rank < size; ++rank)
    if (rank != self) requests.receive(communicator, part_of(rank), rank);
  for (int step = 1; step < size; ++step) requests.send(communicator, own, (self + step) % size);
  requests.wait();
}

}  // namespace

void sum_in_rank_order(const mpi::Communicator& communicator, torch::Tensor& tensor) {
  require(tensor.is_cpu() && tensor.is_contiguous(), "a tensor summed over MPI is contiguous and on the CPU");
  if (communicator.size() == 1) return;
  const torch::NoGradGuard no_gradient;
  torch::Tensor flat = tensor.view({-1});
  if (static_cast<std::int64_t>(flat.nbytes()) <= small_message_bytes)
    sum_small(communicator, flat);
  else
    sum_divided(communicator, flat);
}

class MpiBackend::QueuedWork : public c10d::Work {
 public:
  QueuedWork(int rank, c10d::OpType type, std::vector<at::Tensor> tensors)
      : Work(rank, type),
        tensors_(std::move(tensors)),
        future_(c10::make_intrusive<c10::ivalue::Future>(c10::ListType::create(c10::TensorType::get()))) {}

  void complete(std::exception_ptr problem) {
    if (problem)
      future_->setError(problem);
    else
      future_->markCompleted(c10::IValue(tensors_));
    finish(problem);
  }
  c10::intrusive_ptr<c10::ivalue::Future> getFuture() override { return future_; }
  std::vector<at::Tensor> result() override { return tensors_; }

 private:
  std::vector<at::Tensor> tensors_;
  c10::intrusive_ptr<c10::ivalue::Future> future_;
};

MpiBackend::MpiBackend(mpi::Communicator communicator)
    : Backend(communicator.rank(), communicator.size()),
      communicator_(std::move(communicator)),
      thread_([this] { run(); }) {}

MpiBackend::~MpiBackend() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void MpiBackend::run() {
  while (true) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return;
    auto [work, operation] = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    std::exception_ptr problem;
    try {
      operation();
    } catch (...) {
      problem = std::current_exception();
    }
    work->complete(problem);
  }
}

c10::intrusive_ptr<c10d::Work> MpiBackend::enqueue(c10d::OpType type, std::vector<at::Tensor> tensors,
                                                   std::function<void()> operation) {
  auto work = c10::make_intrusive<QueuedWork>(getRank(), type, std::move(tensors));
  {
    const std::lock_guard lock(mutex_);
    queue_.emplace_back(work, std::move(operation));
  }
  changed_.notify_one();
  return work;
}

c10::intrusive_ptr<c10d::Work> MpiBackend::allreduce(std::vector<at::Tensor>& tensors,
                                                     const c10d::AllreduceOptions& options) {
  require(options.reduceOp == c10d::ReduceOp::SUM, "the MPI backend reduces by summation");
  return enqueue(c10d::OpType::ALLREDUCE, tensors, [this, tensors]() mutable {
    for (auto& tensor : tensors) sum_in_rank_order(communicator_, tensor);
  });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::broadcast(std::vector<at::Tensor>& tensors,
                                                     const c10d::BroadcastOptions& options) {
  return enqueue(c10d::OpType::BROADCAST, tensors,
                 [this, tensors, root = static_cast<int>(options.rootRank)] {
                   for (const auto& tensor : tensors)
                     communicator_.broadcast_bytes(tensor.data_ptr(), tensor.nbytes(), root);
                 });
}

c10::intrusive_ptr<c10d::Work> MpiBackend::barrier(const c10d::BarrierOptions&) {
  return enqueue(c10d::OpType::BARRIER, {}, [this] { communicator_.barrier(); });
}

}  // namespace gyrus
