#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

namespace gyrus {

struct ValidationRecord {
  std::int64_t step = 0, samples = 0;
  double dice = 0.0, loss = 0.0;
};

/// The validations of a run in the order of their steps; of a step that was run again after a resume, the
/// last line counts. A last line that was cut by a crash is left out.
std::vector<ValidationRecord> read_validations(const std::filesystem::path& metrics_jsonl);

}  // namespace gyrus
