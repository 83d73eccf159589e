#include "slurm/evaluation_table.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

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

/// A trial's summaries by their overrides, those of the last checkpoint.
std::map<std::string, json> read_summaries(const fs::path& run_dir) {
  std::vector<fs::path> folders;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run_dir / "evaluation", none))
    if (fs::exists(entry.path() / "summary.json")) folders.push_back(entry.path());
  std::ranges::sort(folders);  // step-NNNNNNNNN: later checkpoints come later
  std::map<std::string, json> summaries;
  for (const fs::path& folder : folders) {
    try {
      const json summary = json::parse(read_file(folder / "summary.json"));
      const auto overrides = summary.at(0).at("overrides").get<std::vector<std::string>>();
      summaries[fmt::format("{}", fmt::join(overrides, " "))] = summary;
    } catch (const json::exception& error) {
      throw DataError(fmt::format("{} is damaged: {}", (folder / "summary.json").string(), error.what()));
    }
  }
  return summaries;
}

std::optional<double> value_of(const json& entry, const char* name) {
  const auto found = entry.find(name);
  if (found == entry.end() || found->is_null()) return std::nullopt;
  return found->is_object() ? found->at("mean").get<double>() : found->get<double>();
}

void add_summary(const json& summary, Row row, std::map<Row, Cells>& table) {
  row.push_back("");
  for (const json& entry : summary) {
    const std::string stage = entry.at("stage");
    if (stage == "validation") continue;
    row.back() = entry.at("method");
    int place = 0;
    const auto add = [&](const Quantity& quantity) {
      if (const auto value = value_of(entry, quantity.name))
        table[row][{entry.at("set").get<std::string>(), place}].push_back(quantity.scale * *value);
      ++place;
    };
    if (stage == "test")
      std::ranges::for_each(of_test_sets, add);
    else
      std::ranges::for_each(of_healthy_sets, add);
  }
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
  std::map<Row, int> trials;
  std::map<Column, const Quantity*> columns;
  for (const SweepTrial& trial : ledger.trials)
    for (const auto& [overrides, summary] : read_summaries(trial.run_dir)) {
      Row row = varying_of(ledger, trial);
      row.push_back(overrides);
      ++trials[row];
      add_summary(summary, row, rows);
      for (const json& entry : summary) {
        if (entry.at("stage") == "validation") continue;
        const bool is_test = entry.at("stage") == "test";
        for (int place = 0; place < 3; ++place)
          columns[{entry.at("set").get<std::string>(), place}] =
              is_test ? &of_test_sets[place] : &of_healthy_sets[place];
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
    const Row without_method(row.begin(), row.end() - 1);
    table.rows.back().push_back(std::to_string(trials.at(without_method)));
    for (const auto& [column, quantity] : columns) {
      const auto found = cells.find(column);
      table.rows.back().push_back(found == cells.end() ? "" : cell_of(found->second, quantity->decimals));
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
