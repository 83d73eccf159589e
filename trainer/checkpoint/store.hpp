#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "trainer/checkpoint/safetensors.hpp"

namespace gyrus {

/// Everything a run needs to go on exactly: no generator or loader state, since every random choice is keyed.
struct TrainState {
  std::int64_t step = 0;             // optimizer steps taken
  std::int64_t samples = 0;          // samples seen
  std::int64_t optimizer_steps = 0;  // differs from `step` when updates were left out
  NamedTensors weights;              // parameters and buffers
  NamedTensors average;              // running average; empty without one
  NamedTensors optimizer;
  std::map<std::string, std::string> fixed_options;  // that a resumed run must share
  std::uint64_t dataset_digest = 0;
  std::map<std::string, double> metrics;  // of the last validation
  std::string
      imported_from;  // file of a published checkpoint; then there are no fixed options and no data to share
};

struct CheckpointInfo {
  std::filesystem::path folder;
  std::int64_t step = 0, samples = 0;
  bool valid = false;
  std::string problem;  // why it is not valid
  std::uint64_t weights_digest = 0;
  std::map<std::string, double> metrics;
};

/// The checkpoints of one run: `folder`/step-000001234/. A checkpoint is there when its folder has its final
/// name; the files `latest` and `best` name one. Only one process writes.
class CheckpointStore {
 public:
  explicit CheckpointStore(std::filesystem::path folder);

  /// Writes under a temporary name, flushes, writes the manifest last, renames, then removes the oldest
  /// checkpoints beyond `keep_last`; never the best one, which does not count, nor the one just written.
  /// @param is_best  also point `best` at it
  /// @throws DataError (full or read-only disk); what was there stays
  std::filesystem::path save(const TrainState& state, bool is_best, std::int64_t keep_last) const;

  bool has(std::int64_t step) const;
  /// Whether one was ever finished here, even if it is gone.
  bool had_checkpoints() const;

  /// Notes in the checkpoint of `step` what a validation found after it was written. @throws DataError
  void add_metrics(std::int64_t step, const std::map<std::string, double>& metrics, bool is_best) const;

  /// Removes what saves that were killed have left. @pre no other process saves into this folder
  void remove_unfinished() const;

  /// From the oldest to the newest. @param deep  read every byte and compare digests; else manifests and
  /// sizes only
  std::vector<CheckpointInfo> list(bool deep) const;

  /// The one that `best` names, if any and if it still exists.
  std::optional<std::filesystem::path> best() const;

 private:
  void prune(std::int64_t keep_last, const std::filesystem::path& just_written) const;
  std::filesystem::path folder_;
};

/// The checkpoint itself, or a run's best one, or its newest valid one (with a warning).
/// @throws DataError when `path` is neither a checkpoint nor a run folder, or holds no valid one
std::filesystem::path best_or_newest(const std::filesystem::path& path);

/// @throws DataError when anything is missing or damaged, naming it
TrainState read_checkpoint(const std::filesystem::path& folder);
CheckpointInfo inspect_checkpoint(const std::filesystem::path& folder, bool deep);

}  // namespace gyrus
