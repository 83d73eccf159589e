#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json_fwd.hpp>

namespace gyrus {

class TensorBoardWriter;

/// metrics.jsonl, metrics.csv and tensorboard/ of a run. Append-only: after a resume, steps are written again
/// with a higher attempt, and readers keep the last line of a step. Rank 0 writes. Thread safety: none.
class MetricsLog {
 public:
  /// @throws DataError
  MetricsLog(const std::filesystem::path& run_folder, std::int64_t attempt);
  ~MetricsLog();

  /// Appends one line: `kind` ("train", "validation", "event"), `step`, `attempt`, `time` (UTC) and `fields` (an object).
  /// Numbers of train and validation lines also go to metrics.csv and TensorBoard.
  void write(const std::string& kind, std::int64_t step, const nlohmann::json& fields);

 private:
  std::ofstream jsonl_, csv_;
  std::int64_t attempt_;
  std::filesystem::path folder_;
  std::unique_ptr<TensorBoardWriter> tensorboard_;
};

}  // namespace gyrus
