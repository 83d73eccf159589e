#include "data/placement/local_stage.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <set>
#include <thread>

#include "data/in_threads.hpp"
#include "launch/error.hpp"
#include "launch/log.hpp"
#include "launch/temporary_files.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

constexpr const char* in_use_file = "in_use";
constexpr const char* complete_file = "complete";
constexpr const char* removed_folder = ".removed";
constexpr auto poll_pause = std::chrono::milliseconds(100);
constexpr double bytes_per_gb = 1e9;

/// @param creates  otherwise a lock that is not there, or another user's, gives none
FileDescriptor open_lock(const fs::path& file, bool creates = true) {
  FileDescriptor descriptor(::open(file.c_str(), O_RDWR | O_CLOEXEC | (creates ? O_CREAT : 0), 0666));
  if (!descriptor && !creates && (errno == ENOENT || errno == EACCES)) return descriptor;
  if (!descriptor) throw DataError(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
  return descriptor;
}

/// @return whether the lock was free
bool try_lock(const FileDescriptor& descriptor, int mode, const fs::path& file) {
  if (::flock(descriptor.get(), mode | LOCK_NB) == 0) return true;
  if (errno == EWOULDBLOCK) return false;
  throw DataError(fmt::format("cannot lock {}: {}; choose data.stage.dir on a disk of the node",
                              file.string(), std::strerror(errno)));
}

void wait_for_lock(const FileDescriptor& descriptor, int mode, const fs::path& file) {
  bool said = false;
  while (!try_lock(descriptor, mode, file)) {
    if (!said) log::info("waiting for another job that copies shards to {}", file.parent_path().string());
    said = true;
    std::this_thread::sleep_for(poll_pause);
  }
}

std::uint64_t digest_of(const std::vector<ManifestShard>& shards) {
  std::uint64_t digest = 0;
  for (const auto& shard : shards) digest = digest64(shard.file + to_hex(shard.digest), digest);
  return digest;
}

/// A copy of another size, or that has vanished, is made again. Damage is met when a slice is read.
bool has_size(const fs::path& file, std::uint64_t bytes) {
  std::error_code error;
  return fs::file_size(file, error) == bytes && !error;
}

/// Bytes that all copies together may take.
std::uint64_t limit_bytes(const StageOptions& options, const fs::path& top) {
  return options.max_gb > 0.0 ? static_cast<std::uint64_t>(options.max_gb * bytes_per_gb)
                              : fs::space(top).capacity / 2;
}

struct Copy {
  fs::path folder;
  std::uint64_t bytes = 0;
  fs::file_time_type last_use;
};

std::uint64_t bytes_in(const fs::path& folder) {
  std::uint64_t bytes = 0;
  std::error_code problem;  // of a folder that another job removes meanwhile
  for (const auto& file : fs::directory_iterator(folder, problem)) {
    const auto size = file.file_size(problem);
    if (!problem) bytes += size;
  }
  return bytes;
}

/// All copies but one, the one used longest ago first.
std::vector<Copy> other_copies(const fs::path& top, const fs::path& own) {
  std::vector<Copy> copies;
  for (const auto& entry : fs::directory_iterator(top)) {
    std::error_code problem;
    const auto last_use = fs::last_write_time(entry.path() / in_use_file, problem);
    if (entry.path() == own || problem) continue;  // not a copy, or not of this user
    copies.push_back({entry.path(), bytes_in(entry.path()), last_use});
  }
  std::sort(copies.begin(), copies.end(),
            [](const auto& a, const auto& b) { return a.last_use < b.last_use; });
  return copies;
}

bool is_idle(const Copy& copy) {
  const auto in_use = open_lock(copy.folder / in_use_file, /*creates=*/false);
  return in_use && try_lock(in_use, LOCK_EX, copy.folder / in_use_file);
}

/// What a job that was killed has left of files that it was writing.
void remove_unfinished(const fs::path& folder, const std::vector<ManifestShard>& shards) {
  std::set<std::string> names = {complete_file};
  for (const auto& shard : shards) names.insert(shard.file);
  remove_temporary_files(folder, names);
}

/// The bytes of a shard; nothing, with a warning, when it is missing or damaged: it is read where it is then,
/// as when streaming, and the damage is met when a slice of it is wanted.
std::optional<std::string> read_sound(const fs::path& root, const ManifestShard& shard) {
  try {
    std::string content = read_file(root / shard.file);
    if (digest64(content) == shard.digest) return content;
    log::warning(
        "{} does not have the digest that the manifest lists, so it is not copied; `gyrus shards verify {}` "
        "names the "
        "damage",
        (root / shard.file).string(), root.string());
  } catch (const DataError& problem) {
    log::warning("{}", problem.what());
  }
  return std::nullopt;
}

}  // namespace

fs::path LocalStage::top_folder(const StageOptions& options) {
  if (!options.dir.empty()) return options.dir;
  const char* scratch = std::getenv("TMPDIR");
  return fs::path(scratch != nullptr && *scratch != '\0' ? scratch : "/tmp") /
         fmt::format("gyrus-stage-{}", ::getuid());
}

std::uint64_t LocalStage::room_bytes(const StageOptions& options, const std::vector<ManifestShard>& shards) {
  const fs::path top = top_folder(options);
  gyrus::create_directories(top);
  const fs::path own = top / to_hex(digest_of(shards));
  std::uint64_t idle = bytes_in(own), busy = 0;
  for (const auto& copy : other_copies(top, own)) (is_idle(copy) ? idle : busy) += copy.bytes;
  const std::uint64_t limit = limit_bytes(options, top);
  return std::min<std::uint64_t>(limit - std::min(limit, busy), fs::space(top).available + idle);
}

std::uint64_t LocalStage::bytes_of(const std::vector<ManifestShard>& shards) {
  std::uint64_t bytes = 0;
  for (const auto& shard : shards) bytes += shard.bytes;
  return bytes;
}

LocalStage::LocalStage(const StageOptions& options, const fs::path& root,
                       const std::vector<ManifestShard>& shards, std::size_t num_threads)
    : top_(top_folder(options)), folder_(top_ / to_hex(digest_of(shards))) {
  gyrus::create_directories(top_);
  const std::uint64_t limit = limit_bytes(options, top_);
  if (find_complete(shards)) return;
  const fs::path lock_file = top_ / "lock";
  const auto lock = open_lock(lock_file);
  wait_for_lock(lock, LOCK_EX, lock_file);
  if (find_complete(shards)) return;
  gyrus::create_directories(folder_);  // another job may have removed it to make room
  in_use_ = open_lock(folder_ / in_use_file);
  wait_for_lock(in_use_, LOCK_SH, folder_ / in_use_file);
  remove_unfinished(folder_, shards);
  make_room(bytes_of(shards), limit);
  if (copy_shards(root, shards, num_threads))
    write_file_atomically(folder_ / complete_file, root.string() + "\n");
}

/// Takes the copy when it is whole; its time of last use is now.
bool LocalStage::find_complete(const std::vector<ManifestShard>& shards) {
  std::error_code error;
  if (!fs::exists(folder_ / complete_file, error)) return false;
  FileDescriptor in_use = open_lock(folder_ / in_use_file, /*creates=*/false);
  if (!in_use || !try_lock(in_use, LOCK_SH, folder_ / in_use_file)) return false;
  // Between the look and the lock the copy may have been removed, in_use with it.
  if (!fs::exists(folder_ / complete_file, error)) return false;
  for (const auto& shard : shards)
    if (!has_size(folder_ / shard.file, shard.bytes)) return false;
  ::futimens(in_use.get(), nullptr);
  in_use_ = std::move(in_use);
  return true;
}

void LocalStage::make_room(std::uint64_t bytes, std::uint64_t limit) const {
  const fs::path leaving = top_ / removed_folder;
  fs::remove_all(leaving);  // of a job that died while it made room
  const auto copies = other_copies(top_, folder_);
  const std::uint64_t own = bytes_in(folder_);
  std::uint64_t others = 0;
  for (const auto& copy : copies) others += copy.bytes;
  const std::uint64_t missing = bytes - std::min(bytes, own);
  const auto fits = [&] { return others + bytes <= limit && fs::space(top_).available >= missing; };
  for (const auto& copy : copies) {
    if (fits()) return;
    const auto in_use = open_lock(copy.folder / in_use_file, /*creates=*/false);
    if (!in_use || !try_lock(in_use, LOCK_EX, copy.folder / in_use_file)) continue;
    // Out of the way first: a job that looks for it meanwhile finds nothing, or all of it.
    fs::rename(copy.folder, leaving);
    fs::remove_all(leaving);
    others -= copy.bytes;
    log::info("removed {} ({}) to make room for another data set", copy.folder.string(),
              format_bytes(copy.bytes));
  }
  if (!fits())
    throw DataError(fmt::format(
        "{} of shards do not fit into {}: copies may take {} (data.stage.max_gb), others in use take {}, and "
        "the disk has {} free; take another data.stage.dir or data.source_policy=stream",
        format_bytes(bytes), top_.string(), format_bytes(limit), format_bytes(others),
        format_bytes(fs::space(top_).available)));
}

/// @return whether every shard is there now
bool LocalStage::copy_shards(const fs::path& root, const std::vector<ManifestShard>& shards,
                             std::size_t num_threads) {
  std::atomic<std::uint64_t> copied{0};
  std::atomic<bool> all_there{true};
  in_threads(shards.size(), num_threads, [&](std::size_t i) {
    const auto& shard = shards[i];
    // Named by its final name only when its digest was right: what is there is whole.
    if (has_size(folder_ / shard.file, shard.bytes)) return;
    const auto content = read_sound(root, shard);
    if (content) {
      write_file_atomically(folder_ / shard.file, *content);
      copied += content->size();
    } else {
      all_there = false;
    }
  });
  copied_bytes_ = copied;
  return all_there;
}

}  // namespace gyrus
