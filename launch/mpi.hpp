#pragma once

#include <mpi.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "launch/handle.hpp"

/// The place of raw MPI calls, beside the gradient backend (trainer/distributed/mpi_backend.cpp) and the end
/// of a failed job (trainer/main.cpp).
namespace gyrus::mpi {

/// @throws CommError with MPI's own words when `result` is not MPI_SUCCESS. `what` names the operation.
void check(int result, std::string_view what);

/// Waits until all requests are complete, without holding the core for long: ranks may share cores, and a
/// rank that spins (or yields, which newer kernels punish by seconds of starvation) takes them from the rank
/// it waits for. @throws CommError
void wait_all(std::vector<MPI_Request>& requests, std::string_view what);

/// Initialises MPI for the life of the object (thread-multiple, errors returned, not fatal) and finalises it
/// at the end, unless an exception is unwinding: then the peers may be gone and MPI_Finalize could wait for
/// ever. Works without mpirun as a single rank. One per process.
class Environment {
 public:
  Environment();
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  int exceptions_at_start_;
};

struct CommunicatorTraits {
  using type = MPI_Comm;
  static MPI_Comm null() { return MPI_COMM_NULL; }
  static void close(MPI_Comm communicator);
};

template <class T>
MPI_Datatype datatype() {
  if constexpr (std::is_same_v<T, double>) return MPI_DOUBLE;
  if constexpr (std::is_same_v<T, float>) return MPI_FLOAT;
  if constexpr (std::is_same_v<T, std::int32_t>) return MPI_INT32_T;
  if constexpr (std::is_same_v<T, std::int64_t>) return MPI_INT64_T;
  if constexpr (std::is_same_v<T, std::uint64_t>) return MPI_UINT64_T;
  if constexpr (std::is_same_v<T, char> || std::is_same_v<T, std::uint8_t>) return MPI_BYTE;
}

/// Ranks that work together. Moving is free; a copy never communicates because there is none.
/// Thread safety: one thread at a time per communicator (duplicate it for a second thread).
class Communicator {
 public:
  /// All ranks of the job (duplicated, so that libraries cannot interfere). Collective.
  static Communicator world();

  int rank() const { return rank_; }
  int size() const { return size_; }
  MPI_Comm raw() const { return handle_.get(); }

  /// Collective.
  Communicator duplicate() const;
  /// Ranks of this communicator that share a node's memory. Collective.
  Communicator split_by_node() const;

  /// Collective, as all below. @throws CommError
  void barrier() const;
  template <class T>
  void sum_in_place(std::vector<T>& values) const {
    all_reduce(values.data(), values.size(), datatype<T>(), MPI_SUM);
  }
  template <class T>
  T sum(T value) const {
    all_reduce(&value, 1, datatype<T>(), MPI_SUM);
    return value;
  }
  template <class T>
  T max(T value) const {
    all_reduce(&value, 1, datatype<T>(), MPI_MAX);
    return value;
  }
  /// Every rank's value, in rank order.
  template <class T>
  std::vector<T> all_gather(const T& value) const {
    static_assert(std::is_trivially_copyable_v<T>);
    std::vector<T> all(static_cast<std::size_t>(size_));
    all_gather_bytes(&value, all.data(), sizeof(T));
    return all;
  }
  /// Every rank's bytes, in rank order.
  std::vector<std::string> all_gather_text(std::string_view text) const;
  std::string broadcast_text(std::string text, int root) const;
  void broadcast_bytes(void* bytes, std::size_t size, int root) const;

 private:
  explicit Communicator(MPI_Comm raw);
  void all_gather_bytes(const void* own, void* all, std::size_t size) const;
  void all_reduce(void* values, std::size_t count, MPI_Datatype type, MPI_Op operation) const;

  Handle<CommunicatorTraits> handle_;
  int rank_ = 0;
  int size_ = 1;
};

struct WindowTraits {
  using type = MPI_Win;
  static type null() { return MPI_WIN_NULL; }
  static void close(MPI_Win window);
};

/// Memory that all ranks of a node see (an MPI-3 shared window); its content is unspecified at first.
class SharedMemory {
 public:
  /// Making and destroying are collective. @param node  its ranks share memory; `size` is equal on all
  /// @throws CommError
  SharedMemory(const Communicator& node, std::uint64_t size);

  std::span<std::byte> bytes() const { return bytes_; }

  /// Afterwards every rank sees what any rank has written before. Collective.
  void publish(const Communicator& node) const;

 private:
  Handle<WindowTraits> window_;
  std::span<std::byte> bytes_;
};

}  // namespace gyrus::mpi
