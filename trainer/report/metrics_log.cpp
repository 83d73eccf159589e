#include "trainer/report/metrics_log.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <array>
#include <chrono>
#include <cmath>
#include <ctime>
#include <nlohmann/json.hpp>

#include "launch/csv.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/report/tensorboard.hpp"

namespace gyrus {
namespace {

constexpr std::array csv_columns = {
    "step", "attempt",   "kind",  "samples", "epoch", "loss", "lr",  "grad_norm", "samples_per_second",
    "dice", "threshold", "auprc", "auroc",   "l1",    "set",  "time"};

std::string cell_of(const nlohmann::json& line, const char* column) {
  const auto found = line.find(column);
  if (found == line.end() || found->is_null()) return "";
  return found->is_string() ? csv_cell(found->get<std::string>()) : found->dump();
}

/// 2026-01-31T12:00:00.123Z
std::string time_now() {
  const auto now = std::chrono::system_clock::now();
  const auto second = std::chrono::system_clock::to_time_t(now);
  std::tm utc = {};
  ::gmtime_r(&second, &utc);
  const auto milliseconds =
      std::chrono::duration_cast<std::chrono::milliseconds>(now.time_since_epoch()).count() % 1000;
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", utc.tm_year + 1900, utc.tm_mon + 1,
                     utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec, milliseconds);
}

/// A process that was killed may have left half a line: what follows begins a new one.
std::ofstream open_to_append(const std::filesystem::path& file) {
  const bool cut = std::filesystem::exists(file) && std::filesystem::file_size(file) > 0 &&
                   !read_file(file).ends_with('\n');
  std::ofstream stream(file, std::ios::app);
  if (cut) stream << '\n';
  if (!stream) throw DataError(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
  return stream;
}

}  // namespace

MetricsLog::MetricsLog(const std::filesystem::path& run_folder, std::int64_t attempt)
    : attempt_(attempt), folder_(run_folder) {
  const auto csv_file = run_folder / "metrics.csv";
  const bool fresh = !std::filesystem::exists(csv_file);
  jsonl_ = open_to_append(run_folder / "metrics.jsonl");
  csv_ = open_to_append(csv_file);
  if (fresh) csv_ << fmt::format("{}\n", fmt::join(csv_columns, ","));
  gyrus::create_directories(run_folder / "tensorboard");
  tensorboard_ = std::make_unique<TensorBoardWriter>(run_folder / "tensorboard");
}

MetricsLog::~MetricsLog() = default;

void MetricsLog::write(const std::string& kind, std::int64_t step, const nlohmann::json& fields) {
  nlohmann::json line = {{"kind", kind}, {"step", step}, {"attempt", attempt_}, {"time", time_now()}};
  line.update(fields);
  jsonl_ << line.dump() << '\n' << std::flush;
  if (kind != "event") {
    std::vector<std::string> cells;
    for (const char* column : csv_columns) cells.push_back(cell_of(line, column));
    csv_ << fmt::format("{}\n", fmt::join(cells, ",")) << std::flush;
    for (const auto& [name, value] : fields.items())
      if (value.is_number() && name != "samples")
        tensorboard_->add_scalar(kind + "/" + name, step, value.get<double>());
    tensorboard_->flush();
  }
  if (!jsonl_ || !csv_)
    throw DataError(
        fmt::format("cannot write the metrics in {}: {}", folder_.string(), std::strerror(errno)));
}

}  // namespace gyrus
