#include "launch/mpi.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <exception>
#include <numeric>

#include "launch/error.hpp"

namespace gyrus::mpi {

void check(int result, std::string_view what) {
  if (result == MPI_SUCCESS) return;
  char text[MPI_MAX_ERROR_STRING] = {};
  int length = 0;
  MPI_Error_string(result, text, &length);
  throw CommError(fmt::format("{} failed: {}", what, std::string_view(text, static_cast<std::size_t>(length))));
}

Environment::Environment() : exceptions_at_start_(std::uncaught_exceptions()) {
  // Without mpirun, Open MPI would fork a helper daemon that needs ssh and a network; a lone rank needs neither.
  ::setenv("OMPI_MCA_ess_singleton_isolated", "1", 0);
  // Copying through /proc/PID/mem is forbidden in most containers and only prints warnings there.
  ::setenv("OMPI_MCA_btl_vader_single_copy_mechanism", "none", 0);
  int provided = 0;
  check(MPI_Init_thread(nullptr, nullptr, MPI_THREAD_MULTIPLE, &provided), "MPI_Init_thread");
  if (provided != MPI_THREAD_MULTIPLE)
    throw CommError(fmt::format("this MPI offers thread level {}, gyrus needs MPI_THREAD_MULTIPLE ({}); "
                                "use an MPI built with thread support", provided, MPI_THREAD_MULTIPLE));
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

void Communicator::barrier() const { check(MPI_Barrier(raw()), "MPI_Barrier"); }

void Communicator::all_reduce(void* values, std::size_t count, MPI_Datatype type, MPI_Op operation) const {
  check(MPI_Allreduce(MPI_IN_PLACE, values, static_cast<int>(count), type, operation, raw()), "MPI_Allreduce");
}

void Communicator::gather_bytes(const void* own, void* all, std::size_t size) const {
  const int bytes = static_cast<int>(size);
  check(MPI_Allgather(own, bytes, MPI_BYTE, all, bytes, MPI_BYTE, raw()), "MPI_Allgather");
}

std::vector<std::string> Communicator::gather_text(std::string_view text) const {
  const int length = static_cast<int>(text.size());
  std::vector<int> lengths(size_), offsets(size_);
  check(MPI_Allgather(&length, 1, MPI_INT, lengths.data(), 1, MPI_INT, raw()), "MPI_Allgather");
  std::exclusive_scan(lengths.begin(), lengths.end(), offsets.begin(), 0);
  std::string all(static_cast<std::size_t>(offsets.back() + lengths.back()), '\0');
  check(MPI_Allgatherv(text.data(), length, MPI_BYTE, all.data(), lengths.data(), offsets.data(), MPI_BYTE, raw()),
        "MPI_Allgatherv");
  std::vector<std::string> parts;
  for (int r = 0; r < size_; ++r) parts.push_back(all.substr(offsets[r], lengths[r]));
  return parts;
}

std::string Communicator::broadcast_text(std::string text, int root) const {
  std::uint64_t length = text.size();
  check(MPI_Bcast(&length, 1, MPI_UINT64_T, root, raw()), "MPI_Bcast");
  text.resize(length);
  check(MPI_Bcast(text.data(), static_cast<int>(length), MPI_BYTE, root, raw()), "MPI_Bcast");
  return text;
}

}  // namespace gyrus::mpi
