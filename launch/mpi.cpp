#include "launch/mpi.hpp"

#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <exception>
#include <numeric>
#include <thread>

#include "launch/error.hpp"

namespace gyrus::mpi {

void check(int result, std::string_view what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw CommError(
      fmt::format("{} failed: {}", what, std::string_view(text, static_cast<std::size_t>(length))));
}

void wait_all(std::vector<MPI_Request>& requests, std::string_view what) {
  constexpr int eager_polls = 20;  // a message that is already here costs no sleep
  constexpr auto pause = std::chrono::microseconds(50);
  int done = 0;
  for (int poll = 0; done == 0; ++poll) {
    check(MPI_Testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE), what);
    if (done == 0 && poll >= eager_polls) std::this_thread::sleep_for(pause);
  }
  requests.clear();
}

namespace {

/// Starts a non-blocking collective and waits for it.
template <class Start>
void run_collective(std::string_view what, Start&& start) {
  std::vector<MPI_Request> requests(1, MPI_REQUEST_NULL);
  check(start(&requests[0]), what);
  wait_all(requests, what);
}

}  // namespace

Environment::Environment() : exceptions_at_start_(std::uncaught_exceptions()) {
  // Without mpirun, Open MPI would fork a helper daemon that needs ssh and a network; a lone rank needs
  // neither.
  ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  // Copying through /proc/PID/mem is forbidden in most containers and only prints warnings there.
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  if (provided != MPI_THREAD_MULTIPLE)
    throw CommError(
        fmt::format("this MPI offers thread level {}, gyrus needs MPI_THREAD_MULTIPLE ({}); "
                    "use an MPI built with thread support",
                    provided, MPI_THREAD_MULTIPLE));
  check(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
}

Environment::~Environment() {
  if (std::uncaught_exceptions() == exceptions_at_start_) MPI_Finalize();
}

void CommunicatorTraits::close(MPI_Comm communicator) {
  // Freeing is collective: while an exception unwinds, or after MPI has ended, the peers will not take part.
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized == 0 && std::uncaught_exceptions() == 0) MPI_Comm_free(&communicator);
}

Communicator::Communicator(MPI_Comm raw) : handle_(raw) {
  check(MPI_Comm_set_errhandler(raw, MPI_ERRORS_RETURN), "MPI_Comm_set_errhandler");
  check(MPI_Comm_rank(raw, &rank_), "MPI_Comm_rank");
  check(MPI_Comm_size(raw, &size_), "MPI_Comm_size");
}

Communicator Communicator::world() {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(MPI_COMM_WORLD, &copy), "MPI_Comm_dup");
  return Communicator(copy);
}

Communicator Communicator::duplicate() const {
  MPI_Comm copy = MPI_COMM_NULL;
  check(MPI_Comm_dup(raw(), &copy), "MPI_Comm_dup");
  return Communicator(copy);
}

Communicator Communicator::split_by_node() const {
  MPI_Comm node = MPI_COMM_NULL;
  check(MPI_Comm_split_type(raw(), MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node), "MPI_Comm_split_type");
  return Communicator(node);
}

void Communicator::barrier() const {
  run_collective("MPI_Ibarrier", [&](MPI_Request* request) { return MPI_Ibarrier(raw(), request); });
}

void Communicator::all_reduce(void* values, std::size_t count, MPI_Datatype type, MPI_Op operation) const {
  run_collective("MPI_Iallreduce", [&](MPI_Request* request) {
    return MPI_Iallreduce(MPI_IN_PLACE, values, static_cast<int>(count), type, operation, raw(), request);
  });
}

void Communicator::all_gather_bytes(const void* own, void* all, std::size_t size) const {
  const int bytes = static_cast<int>(size);
  run_collective("MPI_Iallgather", [&](MPI_Request* request) {
    return MPI_Iallgather(own, bytes, MPI_BYTE, all, bytes, MPI_BYTE, raw(), request);
  });
}

std::vector<std::string> Communicator::all_gather_text(std::string_view text) const {
  const int length = static_cast<int>(text.size());
  const std::vector<int> lengths = all_gather(length);
  std::vector<int> offsets(lengths.size());
  std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
  std::string all(static_cast<std::size_t>(offsets.back() + lengths.back()), '\0');
  run_collective("MPI_Iallgatherv", [&](MPI_Request* request) {
    return MPI_Iallgatherv(text.data(), length, MPI_BYTE, all.data(), lengths.data(), offsets.data(),
                           MPI_BYTE, raw(), request);
  });
  std::vector<std::string> parts;
  for (int r = 0; r < size_; ++r) parts.push_back(all.substr(offsets[r], lengths[r]));
  return parts;
}

void Communicator::broadcast_bytes(void* bytes, std::size_t size, int root) const {
  run_collective("MPI_Ibcast", [&](MPI_Request* request) {
    return MPI_Ibcast(bytes, static_cast<int>(size), MPI_BYTE, root, raw(), request);
  });
}

std::string Communicator::broadcast_text(std::string text, int root) const {
  std::uint64_t length = text.size();
  broadcast_bytes(&length, sizeof length, root);
  text.resize(length);
  broadcast_bytes(text.data(), length, root);
  return text;
}

void WindowTraits::close(MPI_Win window) {
  // Collective, as freeing a communicator is.
  int finalized = 0;
  MPI_Finalized(&finalized);
  if (finalized != 0 || std::uncaught_exceptions() != 0) return;
  MPI_Win_unlock_all(window);
  MPI_Win_free(&window);
}

SharedMemory::SharedMemory(const Communicator& node, std::uint64_t size) {
  MPI_Win window = MPI_WIN_NULL;
  void* own = nullptr;
  const auto own_size = static_cast<MPI_Aint>(node.rank() == 0 ? size : 0);
  check(MPI_Win_allocate_shared(own_size, 1, MPI_INFO_NULL, node.raw(), &own, &window),
        "MPI_Win_allocate_shared");
  check(MPI_Win_lock_all(MPI_MODE_NOCHECK, window), "MPI_Win_lock_all");
  window_ = Handle<WindowTraits>(window);
  MPI_Aint bytes = 0;
  int unit = 0;
  void* first = nullptr;
  check(MPI_Win_shared_query(window, 0, &bytes, &unit, &first), "MPI_Win_shared_query");
  bytes_ = {static_cast<std::byte*>(first), static_cast<std::size_t>(size)};
}

void SharedMemory::publish(const Communicator& node) const {
  check(MPI_Win_sync(window_.get()), "MPI_Win_sync");
  node.barrier();
  check(MPI_Win_sync(window_.get()), "MPI_Win_sync");
}

}  // namespace gyrus::mpi
