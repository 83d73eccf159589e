#include "data/storage/file_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>

namespace gyrus {
namespace {

std::atomic<ReadAt> read_at{::pread};
std::atomic<OpenFile> open_file{[](const char* path) { return ::open(path, O_RDONLY | O_CLOEXEC); }};

/// Decides whether to try again what has failed, and waits before it: three times, 10, 100 and 1000 ms.
class Retries {
 public:
  bool again(int error) {
    if ((error != EIO && error != EAGAIN && error != ESTALE) || num_left_-- <= 0) return false;
    std::this_thread::sleep_for(pause_);
    pause_ *= 10;
    return true;
  }

 private:
  int num_left_ = 3;
  std::chrono::milliseconds pause_{10};
};

}  // namespace

ReadAt replace_read_at(ReadAt replacement) {
  return read_at.exchange(replacement);
}

OpenFile replace_open_file(OpenFile replacement) {
  return open_file.exchange(replacement);
}

FileDescriptor open_for_reading(const std::filesystem::path& path) {
  Retries retries;
  int descriptor = -1;
  do {
    descriptor = open_file.load(std::memory_order_relaxed)(path.c_str());
  } while (descriptor < 0 && retries.again(errno));
  return FileDescriptor(descriptor);
}

Fault read_fully(int descriptor, std::uint64_t offset, std::span<std::byte> buffer) {
  std::size_t done = 0;
  Retries retries;
  while (done < buffer.size()) {
    const ssize_t got = read_at.load(std::memory_order_relaxed)(
        descriptor, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got > 0) {
      done += static_cast<std::size_t>(got);
    } else if (got == 0) {
      return "the file ends before it";
    } else if (errno == EINTR) {
      continue;
    } else if (errno == ESTALE ||
               !retries.again(errno)) {  // a stale handle stays so: the file is opened anew
      return std::strerror(errno);
    }
  }
  return std::nullopt;
}

}  // namespace gyrus
