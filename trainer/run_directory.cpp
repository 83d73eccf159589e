#include "trainer/run_directory.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <torch/version.h>
#include <unistd.h>

#include <cstring>
#include <nlohmann/json.hpp>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/topology.hpp"
#include "launch/version.hpp"

namespace gyrus {
namespace {

std::string describe_this_process() {
  std::string boot = "unknown";
  if (std::filesystem::exists("/proc/sys/kernel/random/boot_id"))
    boot = read_file("/proc/sys/kernel/random/boot_id");
  boot.erase(boot.find_last_not_of('\n') + 1);
  const char* job = std::getenv("SLURM_JOB_ID");
  return fmt::format("host {} pid {} boot {}{}", host_name(), ::getpid(), boot,
                     job != nullptr ? fmt::format(" SLURM job {}", job) : "");
}

}  // namespace

RunDirectory::RunDirectory(std::filesystem::path folder) : folder_(std::move(folder)) {
  gyrus::create_directories(folder_);
  for (const char* part : {"checkpoints", "pictures", "log", "tensorboard"})
    gyrus::create_directories(folder_ / part);
  const auto lock_file = folder_ / "run.lock";
  lock_ = FileDescriptor(::open(lock_file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666));
  if (!lock_)
    throw DataError(
        fmt::format("cannot write in the run folder {}: {}", folder_.string(), std::strerror(errno)));
  const bool locked = ::flock(lock_.get(), LOCK_EX | LOCK_NB) == 0;
  if (!locked && errno != EWOULDBLOCK)
    throw DataError(fmt::format("cannot lock {}: {}; put run.dir on a file system with locks (flock)",
                                lock_file.string(), std::strerror(errno)));
  if (!locked) {
    const std::string owner = read_file(lock_file);
    throw ConfigError(
        fmt::format("run.dir {} is in use by {}; wait for that job, or choose another run.name or run.dir",
                    folder_.string(), owner));
  }
  const std::string owner = describe_this_process();
  if (::ftruncate(lock_.get(), 0) != 0 ||
      ::pwrite(lock_.get(), owner.data(), owner.size(), 0) != static_cast<ssize_t>(owner.size()))
    throw DataError(fmt::format("cannot write {}: {}", lock_file.string(), std::strerror(errno)));
  const auto state_file = folder_ / "state.json";
  if (!std::filesystem::exists(state_file)) return;
  const auto state = nlohmann::json::parse(read_file(state_file), nullptr, /*allow_exceptions=*/false);
  if (state.is_discarded())
    throw DataError(
        fmt::format("{} is malformed; move it away to start anew or restore it", state_file.string()));
  attempt_ = state.value("attempt", std::int64_t{0}) + 1;
}

void RunDirectory::write_state(const std::string& status, int world_size, std::int64_t step,
                               std::int64_t samples, const std::string& options_digest) const {
  const nlohmann::json state = {{"status", status},
                                {"attempt", attempt_},
                                {"world_size", world_size},
                                {"step", step},
                                {"samples", samples},
                                {"options_digest", options_digest},
                                {"versions", {{"gyrus", version}, {"torch", TORCH_VERSION}}},
                                {"process", describe_this_process()}};
  write_file_atomically(folder_ / "state.json", state.dump(1) + "\n");
}

void RunDirectory::write_failure(const std::string& problem) const noexcept {
  try {
    const auto file = folder_ / "state.json";
    auto state = std::filesystem::exists(file) ? nlohmann::json::parse(read_file(file)) : nlohmann::json();
    state["status"] = "failed";
    state["attempt"] = attempt_;
    state["problem"] = problem;
    write_file_atomically(file, state.dump(1) + "\n");
  } catch (const std::exception& error) {
    log::warning("state.json of {} does not say that this attempt failed: {}", folder_.string(),
                 error.what());
  }
}

}  // namespace gyrus
