#include "trainer/report/run_history.hpp"

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace gyrus {

std::vector<ValidationRecord> read_validations(const std::filesystem::path& metrics_jsonl) {
  std::map<std::int64_t, ValidationRecord> by_step;
  std::ifstream file(metrics_jsonl);
  for (std::string text; std::getline(file, text);) {
    const auto line = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (line.is_discarded() || line.value("kind", "") != "validation") continue;
    const auto number = [&](const char* name) {
      return line.contains(name) && line[name].is_number() ? line[name].get<double>() : 0.0;
    };
    by_step[line.value("step", std::int64_t{0})] = {line.value("step", std::int64_t{0}),
                                                    line.value("samples", std::int64_t{0}), number("dice"),
                                                    number("loss")};
  }
  std::vector<ValidationRecord> records;
  for (const auto& [step, record] : by_step) records.push_back(record);
  return records;
}

}  // namespace gyrus
