#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/files.hpp"

/// The little of IPv4 and TCP that ranks need to watch each other.
namespace gyrus::tcp {

/// IPv4 addresses of this machine, the loopback one last: it serves ranks of the same node when there is no
/// other.
std::vector<std::string> own_addresses();

struct Listener {
  FileDescriptor descriptor;
  std::uint16_t port = 0;
};
/// A port chosen by the system, on all addresses. @throws CommError
Listener listen_anywhere(int backlog);

/// Waits at most `seconds` for the next connection. @throws CommError when none comes
FileDescriptor accept_one(const Listener& listener, int seconds);

/// Connects within two seconds. @returns an empty descriptor when that fails
FileDescriptor connect_to(const std::string& host, std::uint16_t port);

/// A failure is not reported: it shows as a closed connection on the next receive.
void send(const FileDescriptor& connection, const void* data, std::size_t size);

/// Whether all of `size` bytes came within two seconds.
bool receive(const FileDescriptor& connection, void* data, std::size_t size);

}  // namespace gyrus::tcp
