#pragma once

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

#include "launch/files.hpp"
#include "launch/mpi.hpp"

namespace gyrus {

/// Notices the death of a rank within seconds and ends this process with ExitCode::communication and the dead
/// rank's name, whatever the other threads wait for. MPI 3 has no answer to a dead peer, so the watch has its
/// own TCP connections: every rank to rank 0. A closed connection is a death at once; silence for
/// `silence_limit` is one too (a lost node, a stopped process). Collective to make and to close. One thread.
class PeerWatch {
 public:
  static constexpr std::chrono::seconds silence_limit{8};

  explicit PeerWatch(const mpi::Communicator& communicator);
  /// Without `close()` before it, connections drop and the peers see this rank as dead; not while an
  /// exception unwinds, see the code.
  ~PeerWatch();
  PeerWatch(const PeerWatch&) = delete;
  PeerWatch& operator=(const PeerWatch&) = delete;

  /// The job is over; from here on a peer that leaves is not dead. Every rank calls it before it
  /// goes; it does not wait for the others.
  void close();

 private:
  struct Peer {
    int rank;
    FileDescriptor connection;
    std::chrono::steady_clock::time_point last_heard;
    bool said_goodbye = false;
  };

  void connect_all(const mpi::Communicator& communicator);
  void run();
  void hear(Peer& peer);
  void send_to_all(char message);
  [[noreturn]] void end_process(int dead_rank, const std::string& how);

  int rank_;
  std::vector<std::string> names_;  // "rank 2 (node3, pid 4711)"
  std::vector<Peer> peers_;         // rank 0: everybody else; others: rank 0
  std::atomic<bool> closing_{false};
  std::thread thread_;
};

}  // namespace gyrus
