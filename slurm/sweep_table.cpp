#include "slurm/sweep_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "launch/csv.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

std::string escape(std::string text, const std::string& character, const std::string& replacement) {
  for (std::size_t at = 0; (at = text.find(character, at)) != std::string::npos; at += replacement.size()) {
    text.replace(at, character.size(), replacement);
  }
  return text;
}

template <class Cell>
std::string join_cells(const std::vector<std::string>& cells, const char* separator, const Cell& cell) {
  std::string line;
  for (const std::string& text : cells) line += (&text == &cells.front() ? "" : separator) + cell(text);
  return line;
}

/// `key=value` without its key.
std::string value_of(const std::string& override_) {
  return override_.substr(override_.find('=') + 1);
}

std::vector<std::string> trial_cells(const SweepTrial& trial) {
  std::vector<std::string> cells = {std::to_string(trial.number)};
  for (const std::string& override_ : trial.overrides) cells.push_back(value_of(override_));
  return cells;
}

std::vector<std::string> trial_columns(const SweepLedger& ledger) {
  std::vector<std::string> columns = {"trial"};
  columns.insert(columns.end(), ledger.varying_keys.begin(), ledger.varying_keys.end());
  return columns;
}

/// The last validation line of each set, by the set's name.
std::map<std::string, json> last_validations(const fs::path& metrics_file) {
  std::map<std::string, json> latest;
  if (!fs::exists(metrics_file)) return latest;
  std::istringstream lines(read_file(metrics_file));
  for (std::string line; std::getline(lines, line);) {
    const json entry = json::parse(line, nullptr, /*allow_exceptions=*/false);
    // A run that was killed may leave half a line.
    if (!entry.is_object() || entry.value("kind", "") != "validation") continue;
    const json set = entry.value("set", json(""));
    json& known = latest[set.is_string() ? set.get<std::string>() : set.dump()];
    if (known.is_null() || entry.value("step", std::int64_t{0}) >= known.value("step", std::int64_t{0}))
      known = entry;
  }
  return latest;
}

/// Six digits of a fraction; metrics.jsonl has all of them.
std::string metric_cell(const json& entry, const char* name) {
  if (!entry.is_object() || !entry.contains(name) || entry[name].is_null()) return "";
  if (entry[name].is_number_float()) return fmt::format("{:.6g}", entry[name].get<double>());
  return entry[name].dump();
}

}  // namespace

std::string SweepTable::to_csv() const {
  std::string text = join_cells(columns, ",", csv_cell) + "\n";
  for (const auto& row : rows) text += join_cells(row, ",", csv_cell) + "\n";
  return text;
}

std::string SweepTable::to_markdown() const {
  const auto cell = [](const std::string& text) { return escape(text, "|", "\\|"); };
  std::string text = "| " + join_cells(columns, " | ", cell) + " |\n|";
  for (std::size_t i = 0; i < columns.size(); ++i) text += "---|";
  text += "\n";
  for (const auto& row : rows) text += "| " + join_cells(row, " | ", cell) + " |\n";
  return text;
}

SweepTable trials_table(const SweepLedger& ledger) {
  SweepTable table{trial_columns(ledger), {}};
  for (const SweepTrial& trial : ledger.trials) table.rows.push_back(trial_cells(trial));
  return table;
}

SweepTable status_table(const SweepLedger& ledger) {
  SweepTable table = trials_table(ledger);
  table.columns.insert(table.columns.end(), {"status", "run"});
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    table.rows[i].push_back(SweepLedger::status_of(ledger.trials[i]));
    table.rows[i].push_back(ledger.trials[i].run_dir.string());
  }
  return table;
}

SweepTable results_table(const SweepLedger& ledger) {
  constexpr const char* metrics[] = {"step", "samples", "dice", "auprc", "auroc", "loss"};
  SweepTable table{trial_columns(ledger), {}};
  table.columns.insert(table.columns.end(), {"status", "set"});
  table.columns.insert(table.columns.end(), std::begin(metrics), std::end(metrics));
  for (const SweepTrial& trial : ledger.trials) {
    std::map<std::string, json> validations = last_validations(trial.run_dir / "metrics.jsonl");
    if (validations.empty()) validations[""] = nullptr;
    for (const auto& [set, entry] : validations) {
      std::vector<std::string> row = trial_cells(trial);
      row.push_back(SweepLedger::status_of(trial));
      row.push_back(set);
      for (const char* name : metrics) row.push_back(metric_cell(entry, name));
      table.rows.push_back(std::move(row));
    }
  }
  return table;
}

}  // namespace gyrus
