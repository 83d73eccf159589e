#include "launch/tcp.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "launch/error.hpp"

namespace gyrus::tcp {
namespace {

constexpr timeval patience = {2, 0};

sockaddr_in address_of(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  return address;
}

}  // namespace

std::vector<std::string> own_addresses() {
  std::vector<std::string> addresses;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return {"127.0.0.1"};
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET ||
        (entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0)
      continue;
    char text[INET_ADDRSTRLEN] = {};
    const auto* address = reinterpret_cast<const sockaddr_in*>(entry->ifa_addr);
    ::inet_ntop(AF_INET, &address->sin_addr, text, sizeof text);
    addresses.emplace_back(text);
  }
  ::freeifaddrs(list);
  addresses.emplace_back("127.0.0.1");
  return addresses;
}

Listener listen_anywhere(int backlog) {
  Listener listener{FileDescriptor(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0))};
  const int descriptor = listener.descriptor.get();
  sockaddr_in address = address_of(0);
  socklen_t length = sizeof address;
  if (!listener.descriptor ||
      ::bind(descriptor, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(descriptor, backlog) != 0 ||
      ::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length) != 0)
    throw CommError(fmt::format("cannot open a port to watch the other ranks: {}", std::strerror(errno)));
  listener.port = ntohs(address.sin_port);
  return listener;
}

FileDescriptor accept_one(const Listener& listener, int seconds) {
  pollfd waiting = {listener.descriptor.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 1000 * seconds) <= 0)
    throw CommError(
        fmt::format("a rank did not connect to rank 0 within {} s (its own log says why)", seconds));
  FileDescriptor connection(::accept4(listener.descriptor.get(), nullptr, nullptr, SOCK_CLOEXEC));
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  return connection;
}

FileDescriptor connect_to(const std::string& host, std::uint16_t port) {
  FileDescriptor connection(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  ::setsockopt(connection.get(), SOL_SOCKET, SO_SNDTIMEO, &patience,
               sizeof patience);  // bounds connect() too
  ::setsockopt(connection.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  sockaddr_in address = address_of(port);
  ::inet_pton(AF_INET, host.c_str(), &address.sin_addr);
  if (::connect(connection.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return {};
  return connection;
}

void send(const FileDescriptor& connection, const void* data, std::size_t size) {
  ::send(connection.get(), data, size, MSG_NOSIGNAL);
}

bool receive(const FileDescriptor& connection, void* data, std::size_t size) {
  return ::recv(connection.get(), data, size, MSG_WAITALL) == static_cast<ssize_t>(size);
}

}  // namespace gyrus::tcp
