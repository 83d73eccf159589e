#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

#include "launch/handle.hpp"

namespace gyrus {

struct FileDescriptorTraits {
  using type = int;
  static int null() { return -1; }
  static void close(int descriptor);
};
/// Owner of a POSIX file descriptor.
using FileDescriptor = Handle<FileDescriptorTraits>;

/// Writes all of `bytes` at the descriptor's position. `path` is for messages. @throws DataError
void write_all(const FileDescriptor& file, std::span<const std::byte> bytes,
               const std::filesystem::path& path);

/// Reads a whole file. @throws DataError naming the path and the system's reason
std::string read_file(const std::filesystem::path& path);

/// Writes `content` so that a reader sees either the old file or the whole new one: temporary name in the
/// same folder, fsync, rename, fsync of the folder. @throws DataError (full or read-only disk) and leaves no
/// temporary file
void write_file_atomically(const std::filesystem::path& path, std::string_view content);

/// Flushes a file or a folder to stable storage. @throws DataError
void sync_to_disk(const std::filesystem::path& path);

/// Creates a folder and its parents. @throws DataError naming the path and the reason
void create_directories(const std::filesystem::path& path);

/// XXH3 64-bit digest. Determinism: depends on the bytes and the seed alone.
std::uint64_t digest64(std::span<const std::byte> bytes, std::uint64_t seed = 0);
std::uint64_t digest64(std::string_view text, std::uint64_t seed = 0);

/// "885 MB": three digits of a size, in powers of 1000.
std::string format_bytes(std::uint64_t bytes);

/// 16 lower-case hexadecimal digits.
std::string to_hex(std::uint64_t value);

}  // namespace gyrus
