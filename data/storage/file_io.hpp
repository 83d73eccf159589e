#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>

#include "launch/files.hpp"

namespace gyrus {

/// Why something could not be read, for people; nothing when it could.
using Fault = std::optional<std::string>;

/// Fills `buffer` from a file at `offset`. EIO, and EAGAIN of network file systems, are tried again three
/// times, after 10, 100 and 1000 ms.
[[nodiscard]] Fault read_fully(int descriptor, std::uint64_t offset, std::span<std::byte> buffer);

/// Opens a file for reading. EIO, EAGAIN and the stale handles of network file systems are tried again like
/// reads.
/// @return none when it cannot be opened, and errno says why
[[nodiscard]] FileDescriptor open_for_reading(const std::filesystem::path& path);

/// Opening as the system does it; a test may put another function in its place. @return the one that was
/// there
using OpenFile = int (*)(const char* path);
OpenFile replace_open_file(OpenFile replacement);

/// Reading as the system does it; a test may put another function in its place, to make disks fail.
using ReadAt = ssize_t (*)(int descriptor, void* buffer, std::size_t bytes, off_t offset);
/// @return the function that was there
ReadAt replace_read_at(ReadAt replacement);

}  // namespace gyrus
