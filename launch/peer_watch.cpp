#include "launch/peer_watch.hpp"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <nlohmann/json.hpp>
#include <random>

#include "launch/error.hpp"
#include "launch/log.hpp"
#include "launch/tcp.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto heartbeat = std::chrono::milliseconds(500);
constexpr int seconds_to_connect = 30;
constexpr char alive = 'a', goodbye = 'g', peer_died = 'd';

/// What rank 0 tells the others, over MPI, about where it listens.
struct MeetingPoint {
  std::uint16_t port = 0;
  std::string host;
  std::vector<std::string> addresses;
  std::uint64_t secret = 0;  // of this job: whatever else connects to an open port is turned away
};
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE(MeetingPoint, port, host, addresses, secret)

/// The first words over a new connection.
struct Greeting {
  std::uint64_t secret;
  std::int64_t rank;
};

FileDescriptor connect_to(const MeetingPoint& place) {
  for (const auto& address : place.addresses) {
    // Another node's loopback address is not rank 0.
    if (address == "127.0.0.1" && place.host != host_name()) continue;
    if (auto connection = tcp::connect_to(address, place.port)) return connection;
  }
  throw CommError(fmt::format(
      "{} cannot reach rank 0 on {} (port {}): a firewall between the nodes? The ranks watch each "
      "other over TCP",
      host_name(), place.host, place.port));
}

}  // namespace

PeerWatch::PeerWatch(const mpi::Communicator& communicator) : rank_(communicator.rank()) {
  for (const auto& name : communicator.all_gather_text(fmt::format("({}, pid {})", host_name(), ::getpid())))
    names_.push_back(fmt::format("rank {} {}", names_.size(), name));
  if (communicator.size() == 1) return;
  connect_all(communicator);
  thread_ = std::thread([this] { run(); });
}

void PeerWatch::connect_all(const mpi::Communicator& communicator) {
  tcp::Listener listener;
  MeetingPoint place;
  if (rank_ == 0) {
    listener = tcp::listen_anywhere(communicator.size());
    std::random_device entropy;
    place = {listener.port, host_name(), tcp::own_addresses(),
             static_cast<std::uint64_t>(entropy()) << 32 | entropy()};
  }
  place =
      nlohmann::json::parse(communicator.broadcast_text(nlohmann::json(place).dump(), 0)).get<MeetingPoint>();
  if (rank_ != 0) {
    peers_.push_back({0, connect_to(place), Clock::now()});
    const Greeting greeting = {place.secret, rank_};
    tcp::send(peers_[0].connection, &greeting, sizeof greeting);
    return;
  }
  while (static_cast<int>(peers_.size()) < communicator.size() - 1) {
    FileDescriptor connection = tcp::accept_one(listener, seconds_to_connect);
    Greeting greeting = {};
    if (!tcp::receive(connection, &greeting, sizeof greeting) || greeting.secret != place.secret ||
        greeting.rank < 1 || greeting.rank >= communicator.size())
      continue;
    peers_.push_back({static_cast<int>(greeting.rank), std::move(connection), Clock::now()});
  }
}

PeerWatch::~PeerWatch() {
  closing_ = true;
  if (thread_.joinable()) thread_.join();
  // While an exception unwinds, main() is about to end the job with the right exit code; closed connections
  // would make the peers report a death and race it.
  if (std::uncaught_exceptions() > 0)
    for (auto& peer : peers_) peer.connection.release();
}

void PeerWatch::close() {
  closing_ = true;
  send_to_all(goodbye);
}

void PeerWatch::send_to_all(char message) {
  for (const auto& peer : peers_) tcp::send(peer.connection, &message, 1);
}

void PeerWatch::end_process(int dead_rank, const std::string& how) {
  if (rank_ == 0) {
    // The others know rank 0 only: it tells them who died.
    const std::int32_t who = dead_rank;
    for (const auto& peer : peers_) {
      tcp::send(peer.connection, &peer_died, 1);
      tcp::send(peer.connection, &who, sizeof who);
    }
  }
  log::error("{} {}; this rank ({}) ends the job. Start it again: it resumes from its last checkpoint",
             names_[dead_rank], how, rank_);
  log::flush();
  ::_exit(static_cast<int>(ExitCode::communication));
}

void PeerWatch::hear(Peer& peer) {
  char message = 0;
  const ssize_t got = ::recv(peer.connection.get(), &message, 1, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    if (!peer.said_goodbye && !closing_) end_process(peer.rank, "died (its connection closed)");
    peer.said_goodbye = true;
    peer.connection.reset();
    return;
  }
  peer.last_heard = Clock::now();
  if (message == goodbye) peer.said_goodbye = true;
  if (message == peer_died) {
    std::int32_t who = 0;
    if (tcp::receive(peer.connection, &who, sizeof who) && who >= 0 && who < static_cast<int>(names_.size()))
      end_process(who, "died");
  }
}

void PeerWatch::run() {
  auto last_round = Clock::now();
  while (!closing_) {
    std::vector<pollfd> waiting;
    for (const auto& peer : peers_) waiting.push_back({peer.connection.get(), POLLIN, 0});
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::chrono::milliseconds(heartbeat).count()));
    for (std::size_t i = 0; i < peers_.size(); ++i)
      if (waiting[i].revents != 0 && peers_[i].connection) hear(peers_[i]);
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
        end_process(peer.rank, fmt::format("has been silent for {} s", silence_limit.count()));
    }
  }
}

}  // namespace gyrus
