#include "data/storage/file_io.hpp"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace gyrus {
namespace {

std::atomic<ReadAt> read_at{::pread};

constexpr int num_retries = 3;

}  // namespace

ReadAt replace_read_at(ReadAt replacement) {
  return read_at.exchange(replacement);
}

Fault read_fully(int descriptor, std::uint64_t offset, std::span<std::byte> buffer) {
  std::size_t done = 0;
  int failures = 0;
  auto pause = std::chrono::milliseconds(10);
  while (done < buffer.size()) {
    const ssize_t got = read_at.load(std::memory_order_relaxed)(
        descriptor, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got == 0) {
      return "the file ends before it";
    } else if (errno == EINTR) {
      continue;
    } else if ((errno == EIO || errno == EAGAIN) && failures++ < num_retries) {
      std::this_thread::sleep_for(pause);
      pause *= 10;
    } else {
      return std::strerror(errno);
    }
  }
  return std::nullopt;
}

}  // namespace gyrus
