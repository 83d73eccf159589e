#include "launch/peer_watch.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <exception>

#include "launch/error.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto heartbeat = std::chrono::milliseconds(500);
constexpr char alive = 'a', goodbye = 'g', peer_died = 'd';

std::string host_name() {
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  return name;
}

/// IPv4 addresses of this machine, the loopback one last: it serves ranks of the same node when there is no
/// other.
std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {"127.0.0.1"};
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET ||
        (entry->ifa_flags & IFF_UP) == 0)
      continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    if ((entry->ifa_flags & IFF_LOOPBACK) == 0) addresses.emplace_back(text);
  }
  ::freeifaddrs(list);
  addresses.emplace_back("127.0.0.1");
  return addresses;
}

int listen_anywhere(int backlog, std::uint16_t& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  socklen_t length = sizeof address;
  if (listener < 0 || ::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener, backlog) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw CommError(fmt::format("cannot open a port to watch the other ranks: {}", std::strerror(errno)));
  port = ntohs(address.sin_port);
  return listener;
}

/// Connects within two seconds. @returns the socket, or -1
int connect_to(const std::string& host, std::uint16_t port) {
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval limit = {2, 0};
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);  // bounds connect() too
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  if (::connect(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return descriptor;
  ::close(descriptor);
  return -1;
}

void write_fully(int descriptor, const void* data, std::size_t size) {
  ::send(descriptor, data, size, MSG_NOSIGNAL);  // a failure shows as a closed connection on the next read
}

}  // namespace

PeerWatch::PeerWatch(const mpi::Communicator& communicator) : rank_(communicator.rank()) {
  for (const auto& name : communicator.gather_text(fmt::format("({}, pid {})", host_name(), ::getpid())))
    names_.push_back(fmt::format("rank {} {}", names_.size(), name));
  if (communicator.size() == 1) return;
  connect_all(communicator);
  thread_ = std::thread([this] { run(); });
}

void PeerWatch::connect_all(const mpi::Communicator& communicator) {
  std::uint16_t port = 0;
  int listener = -1;
  std::string meeting_point;
  if (rank_ == 0) {
    listener = listen_anywhere(communicator.size(), port);
    meeting_point = std::to_string(port) + " " + host_name();
    for (const auto& address : own_addresses()) meeting_point += " " + address;
  }
  meeting_point = communicator.broadcast_text(meeting_point, 0);
  if (rank_ != 0) {
    std::vector<std::string> words;
    for (std::size_t at = 0; at < meeting_point.size();) {
      const auto end = std::min(meeting_point.find(' ', at), meeting_point.size());
      words.push_back(meeting_point.substr(at, end - at));
      at = end + 1;
    }
    int descriptor = -1;
    for (std::size_t i = 2; i < words.size() && descriptor < 0; ++i) {
      // Another node's loopback address is not rank 0.
      if (words[i] == "127.0.0.1" && words[1] != host_name()) continue;
      descriptor = connect_to(words[i], static_cast<std::uint16_t>(std::stoi(words[0])));
    }
    if (descriptor < 0)
      throw CommError(fmt::format(
          "rank {} on {} cannot reach rank 0 at {}: a firewall between the nodes? The ranks watch each other "
          "over TCP",
          rank_, host_name(), meeting_point));
    const std::int32_t self = rank_;
    write_fully(descriptor, &self, sizeof self);
    peers_.push_back({0, descriptor, Clock::now()});
    return;
  }
  for (int i = 1; i < communicator.size(); ++i) {
    pollfd waiting = {listener, POLLIN, 0};
    if (::poll(&waiting, 1, 30'000) <= 0)
      throw CommError("a rank did not connect to rank 0 within 30 s (its own log says why)");
    const int descriptor = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    std::int32_t peer = -1;
    if (descriptor < 0 || ::recv(descriptor, &peer, sizeof peer, MSG_WAITALL) != sizeof peer || peer < 1 ||
        peer >= communicator.size())
      throw CommError("an unexpected connection reached the port on which rank 0 awaits its peers");
    peers_.push_back({peer, descriptor, Clock::now()});
  }
  ::close(listener);
}

PeerWatch::~PeerWatch() {
  closing_ = true;
  if (thread_.joinable()) thread_.join();
  // While an exception unwinds, main() is about to end the job with the right exit code; closed connections
  // would make the peers report a death and race it.
  if (std::uncaught_exceptions() > 0) return;
  for (const auto& peer : peers_)
    if (peer.descriptor >= 0) ::close(peer.descriptor);
}

void PeerWatch::close() {
  closing_ = true;
  send_to_all(goodbye);
}

void PeerWatch::send_to_all(char message) {
  for (const auto& peer : peers_) write_fully(peer.descriptor, &message, 1);
}

void PeerWatch::end_process(int dead_rank, const char* how) {
  if (rank_ == 0) {
    // The others know rank 0 only: it tells them who died.
    const std::int32_t who = dead_rank;
    for (const auto& peer : peers_) {
      write_fully(peer.descriptor, &peer_died, 1);
      write_fully(peer.descriptor, &who, sizeof who);
    }
  }
  log::error("{} {}; this rank ({}) ends the job. Start it again: it resumes from its last checkpoint",
             names_[dead_rank], how, rank_);
  log::flush();
  ::_exit(static_cast<int>(ExitCode::communication));
}

void PeerWatch::hear(Peer& peer) {
  char message = 0;
  const ssize_t got = ::recv(peer.descriptor, &message, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    if (!peer.said_goodbye && !closing_) end_process(peer.rank, "died (its connection closed)");
    peer.said_goodbye = true;
    peer.descriptor = (::close(peer.descriptor), -1);
    return;
  }
  peer.last_heard = Clock::now();
  if (message == goodbye) peer.said_goodbye = true;
  if (message == peer_died) {
    std::int32_t who = 0;
    if (::recv(peer.descriptor, &who, sizeof who, MSG_WAITALL) == sizeof who && who >= 0 &&
        who < static_cast<int>(names_.size()))
      end_process(who, "died");
  }
}

void PeerWatch::run() {
  auto last_round = Clock::now();
  while (!closing_) {
    std::vector<pollfd> waiting;
    for (const auto& peer : peers_) waiting.push_back({peer.descriptor, POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::chrono::milliseconds(heartbeat).count()));
    for (std::size_t i = 0; i < peers_.size(); ++i)
      if (waiting[i].revents != 0 && peers_[i].descriptor >= 0) hear(peers_[i]);
    const auto now = Clock::now();
    if (now - last_round < heartbeat) continue;
    // A job that was suspended as a whole, or a starved node, must not take its own pause for its peers'
    // silence.
    const bool was_paused = now - last_round > 4 * heartbeat;
    last_round = now;
    send_to_all(alive);
    for (auto& peer : peers_) {
      if (was_paused) peer.last_heard = now;
      if (!peer.said_goodbye && now - peer.last_heard > silence_limit)
        end_process(peer.rank, "has been silent for 8 s");
    }
  }
}

}  // namespace gyrus
