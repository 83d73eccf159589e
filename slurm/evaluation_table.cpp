#include "slurm/evaluation_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

/// A number that the tables show.
struct Quantity {
  const char *name, *heading;
  double scale;
  int decimals;
};
constexpr Quantity of_test_sets[] = {
    {"dice", "Dice %", 100.0, 2}, {"auprc", "AUPRC %", 100.0, 2}, {"l1_ratio_of_means", "l1-ratio", 1.0, 2}};
constexpr Quantity of_healthy_sets[] = {
    {"ssim", "SSIM %", 100.0, 2}, {"psnr", "PSNR dB", 1.0, 2}, {"l1", "l1 e-3", 1000.0, 2}};

using Row = std::vector<std::string>;        // what varies, the evaluation's overrides, the method
using Column = std::pair<std::string, int>;  // set, place among its quantities
using Cells = std::map<Column, std::vector<double>>;

/// Folds and seeds are what a row's mean is taken over.
bool is_repetition(const std::string& key) {
  return key == "data.fold" || key == "seed";
}

Row varying_of(const SweepLedger& ledger, const SweepTrial& trial) {
  Row row;
  for (const std::string& key : ledger.varying_keys) {
    if (is_repetition(key)) continue;
    std::string value;
    for (const std::string& text : trial.overrides)
      if (text.starts_with(key + "=")) value = text.substr(key.size() + 1);
    row.push_back(value);
  }
  return row;
}

/// What a summary says about one method on one test or healthy set.
struct MethodScores {
  std::string method, set;
  bool is_test = false;
  std::vector<std::optional<double>> values;  // in the order of the quantities
};

const auto& quantities_of(bool is_test) {
  return is_test ? of_test_sets : of_healthy_sets;
}

std::optional<double> value_of(const json& entry, const char* name) {
  const auto found = entry.find(name);
  if (found == entry.end() || found->is_null()) return std::nullopt;
  return found->is_object() ? found->at("mean").get<double>() : found->get<double>();
}

std::vector<MethodScores> scores_of(const json& summary) {
  std::vector<MethodScores> all;
  for (const json& entry : summary) {
    const auto stage = entry.at("stage").get<std::string>();
    if (stage == "validation") continue;
    MethodScores scores{entry.at("method"), entry.at("set"), stage == "test", {}};
    for (const Quantity& quantity : quantities_of(scores.is_test))
      scores.values.push_back(value_of(entry, quantity.name));
    all.push_back(std::move(scores));
  }
  return all;
}

/// A trial's scores by the evaluation's overrides, those of the last checkpoint.
std::map<std::string, std::vector<MethodScores>> read_summaries(const fs::path& run_dir) {
  std::vector<fs::path> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run_dir / "evaluation", none))
    if (const fs::path file = entry.path() / "summary.json"; fs::exists(file)) files.push_back(file);
  // By folder, step-NNNNNNNNN: later checkpoints come later, and with baselines after without.
  std::ranges::sort(files);
  std::map<std::string, std::vector<MethodScores>> summaries;
  for (const fs::path& file : files) {
    try {
      const json summary = json::parse(read_file(file));
      const auto overrides = summary.at(0).at("overrides").get<std::vector<std::string>>();
      summaries[fmt::format("{}", fmt::join(overrides, " "))] = scores_of(summary);
    } catch (const json::exception& error) {
      throw DataError(fmt::format("{} is damaged: {}; evaluate the trial again or remove the file",
                                  file.string(), error.what()));
    }
  }
  return summaries;
}

std::string cell_of(const std::vector<double>& values, int decimals) {
  double mean = 0.0, squares = 0.0;
  for (const double value : values) mean += value / static_cast<double>(values.size());
  for (const double value : values) squares += (value - mean) * (value - mean);
  const double deviation = std::sqrt(squares / static_cast<double>(values.size()));
  return fmt::format("{:.{}f} +- {:.{}f}", mean, decimals, deviation, decimals);
}

std::string replace_all(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

std::string latex_cell(std::string text) {
  for (const char* character : {"_", "%", "&", "#", "$"})
    text = replace_all(text, character, std::string("\\") + character);
  return replace_all(text, " +- ", "\\,$\\pm$\\,");
}

}  // namespace

SweepTable evaluation_table(const SweepLedger& ledger) {
  std::map<Row, Cells> rows;
  std::map<Row, std::set<std::size_t>> trials;  // those that have the row's method
  std::map<Column, const Quantity*> columns;
  for (std::size_t trial = 0; trial < ledger.trials.size(); ++trial)
    for (const auto& [overrides, summary] : read_summaries(ledger.trials[trial].run_dir))
      for (const MethodScores& scores : summary) {
        Row row = varying_of(ledger, ledger.trials[trial]);
        row.insert(row.end(), {overrides, scores.method});
        trials[row].insert(trial);
        for (std::size_t place = 0; place < scores.values.size(); ++place) {
          const Column column = {scores.set, static_cast<int>(place)};
          const Quantity& quantity = quantities_of(scores.is_test)[place];
          columns[column] = &quantity;
          auto& values = rows[row][column];
          if (const auto& value = scores.values[place]) values.push_back(quantity.scale * *value);
        }
      }
  SweepTable table;
  if (rows.empty()) return table;
  for (const std::string& key : ledger.varying_keys)
    if (!is_repetition(key)) table.columns.push_back(key);
  table.columns.insert(table.columns.end(), {"evaluation", "method", "trials"});
  for (const auto& [column, quantity] : columns)
    table.columns.push_back(fmt::format("{} {}", column.first, quantity->heading));
  for (const auto& [row, cells] : rows) {
    table.rows.push_back(row);
    table.rows.back().push_back(std::to_string(trials.at(row).size()));
    for (const auto& [column, quantity] : columns) {
      const auto found = cells.find(column);
      const bool is_empty = found == cells.end() || found->second.empty();
      table.rows.back().push_back(is_empty ? "" : cell_of(found->second, quantity->decimals));
    }
  }
  return table;
}

std::string to_latex(const SweepTable& table) {
  const auto line = [](const std::vector<std::string>& cells) {
    std::vector<std::string> escaped;
    for (const std::string& text : cells) escaped.push_back(latex_cell(text));
    return fmt::format("{} \\\\\n", fmt::join(escaped, " & "));
  };
  std::string text = fmt::format("\\begin{{tabular}}{{{}}}\n\\toprule\n{}\\midrule\n",
                                 std::string(table.columns.size(), 'l'), line(table.columns));
  for (const auto& row : table.rows) text += line(row);
  return text + "\\bottomrule\n\\end{tabular}\n";
}

}  // namespace gyrus
