#include "trainer/evaluation/results.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>

#include "launch/csv.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using nlohmann::ordered_json;

constexpr double undefined = std::numeric_limits<double>::quiet_NaN();

ordered_json json_of(double value) {
  return std::isfinite(value) ? ordered_json(value) : ordered_json();
}
double number_of(const ordered_json& value) {
  return value.is_null() ? undefined : value.get<double>();
}

template <class Read>
auto read_rows(const std::string& text, const std::string& where, Read&& read) {
  try {
    std::vector<decltype(read(ordered_json()))> rows;
    for (const auto& row : ordered_json::parse(text)) rows.push_back(read(row));
    return rows;
  } catch (const nlohmann::json::exception& error) {
    throw DataError(fmt::format("{} is no table of an evaluation: {}", where, error.what()));
  }
}

/// Values of one number over the rows.
std::vector<double> column(const std::vector<PatientRow>& rows, const std::string& name) {
  std::vector<double> values;
  for (const PatientRow& row : rows) values.push_back(row.at(name));
  return values;
}

double sum_of(const std::vector<PatientRow>& rows, const std::string& name) {
  double sum = 0.0;
  for (const double value : column(rows, name)) sum += std::isnan(value) ? 0.0 : value;
  return sum;
}

/// Scores of the set as a whole, from whole numbers and means of its patients.
Numbers totals_of(const std::vector<PatientRow>& rows) {
  Numbers totals;
  const double marked = sum_of(rows, "predicted_voxels"), lesion = sum_of(rows, "lesion_voxels");
  if (marked + lesion > 0.0) {
    double hits = 0.0;  // Dice = 2 hits / (marked + lesion), whatever the counts are called
    for (const PatientRow& row : rows) {
      const double dice = row.at("dice");
      if (std::isfinite(dice))
        hits += std::round(0.5 * dice * (row.at("predicted_voxels") + row.at("lesion_voxels")));
    }
    totals.emplace_back("pooled_dice", 2.0 * hits / (marked + lesion));
  }
  if (const double lesions = sum_of(rows, "lesions"); lesions > 0.0)
    totals.emplace_back("pooled_lesion_sensitivity", sum_of(rows, "lesions_found") / lesions);
  const double in_lesions = summarise(column(rows, "l1_lesion")).mean;
  if (std::isfinite(in_lesions))
    totals.emplace_back("l1_ratio_of_means", in_lesions / summarise(column(rows, "l1_healthy")).mean);
  return totals;
}

std::string cell(const SetSummary& summary, const char* name) {
  for (const NumberSummary& number : summary.numbers)
    if (number.name == name)
      return fmt::format("{:.4f} +- {:.4f}", number.over_patients.mean, number.over_patients.deviation);
  return "-";
}

std::string csv_numbers(const Numbers& numbers) {
  std::string text;
  for (const auto& [name, value] : numbers) text += std::isfinite(value) ? fmt::format(",{}", value) : ",";
  return text + "\n";
}

Numbers numbers_of_slice(const SliceScore& score) {
  return {{"lesion_voxels", static_cast<double>(score.lesion_voxels)},
          {"anomaly_score", score.anomaly_score},
          {"dice", score.dice},
          {"precision", score.precision},
          {"recall", score.recall}};
}

}  // namespace

std::string name_of(Stage stage) {
  return stage == Stage::validation ? "validation" : stage == Stage::test ? "test" : "reconstruction";
}

double PatientRow::at(const std::string& name) const {
  for (const auto& [key, value] : numbers)
    if (key == name) return value;
  return undefined;
}

SetSummary summarise_rows(const std::vector<PatientRow>& rows, std::int64_t bootstrap_samples,
                          std::uint64_t seed) {
  SetSummary summary;
  summary.patients = static_cast<std::int64_t>(rows.size());
  if (rows.empty()) return summary;
  summary.method = rows.front().method;
  summary.set = rows.front().set;
  summary.stage = rows.front().stage;
  summary.totals = totals_of(rows);
  for (const auto& [name, unused] : rows.front().numbers) {
    const auto values = column(rows, name);
    const MeanAndDeviation over_patients = summarise(values);
    if (over_patients.count == 0) continue;
    const std::uint64_t key = digest64(summary.method + "/" + summary.set + "/" + name);
    summary.numbers.push_back(
        {name, over_patients, bootstrap_interval(values, bootstrap_samples, seed, key)});
  }
  return summary;
}

std::string to_json(const std::vector<PatientRow>& rows) {
  ordered_json list = ordered_json::array();
  for (const PatientRow& row : rows) {
    ordered_json entry = {{"method", row.method},
                          {"set", row.set},
                          {"stage", row.stage},
                          {"patient", row.patient},
                          {"subject", row.subject}};
    for (const auto& [name, value] : row.numbers) entry[name] = json_of(value);
    list.push_back(std::move(entry));
  }
  return list.dump(1) + "\n";
}

std::vector<PatientRow> rows_of_json(const std::string& text, const std::string& where) {
  return read_rows(text, where, [](const ordered_json& entry) {
    PatientRow row;
    for (const auto& [name, value] : entry.items()) {
      if (name == "method")
        row.method = value;
      else if (name == "set")
        row.set = value;
      else if (name == "stage")
        row.stage = value;
      else if (name == "patient")
        row.patient = value;
      else if (name == "subject")
        row.subject = value;
      else
        row.numbers.emplace_back(name, number_of(value));
    }
    return row;
  });
}

std::string to_json(const std::vector<SliceRow>& rows) {
  ordered_json list = ordered_json::array();
  for (const SliceRow& row : rows)
    list.push_back({row.method, row.set, row.stage, row.patient, row.score.index, row.score.lesion_voxels,
                    json_of(row.score.anomaly_score), json_of(row.score.dice), json_of(row.score.precision),
                    json_of(row.score.recall)});
  return list.dump();
}

std::vector<SliceRow> slice_rows_of_json(const std::string& text, const std::string& where) {
  return read_rows(text, where, [](const ordered_json& entry) {
    return SliceRow{entry.at(0),
                    entry.at(1),
                    entry.at(2),
                    entry.at(3),
                    {entry.at(4), entry.at(5), number_of(entry.at(6)), number_of(entry.at(7)),
                     number_of(entry.at(8)), number_of(entry.at(9))}};
  });
}

std::string to_json(const std::vector<SetSummary>& summaries, const std::vector<std::string>& overrides) {
  ordered_json list = ordered_json::array();
  for (const SetSummary& summary : summaries) {
    ordered_json entry = {{"method", summary.method},
                          {"set", summary.set},
                          {"stage", summary.stage},
                          {"overrides", overrides},
                          {"patients", summary.patients}};
    if (!summary.threshold_set.empty()) entry["threshold_set"] = summary.threshold_set;
    if (summary.threshold) entry["threshold"] = *summary.threshold;
    if (!summary.search_rounds.empty()) entry["search_rounds"] = summary.search_rounds;
    for (const auto& [name, value] : summary.totals) entry[name] = json_of(value);
    for (const NumberSummary& number : summary.numbers) {
      if (number.name == "threshold") continue;  // the set's own stands above
      entry[number.name] = {{"mean", number.over_patients.mean},
                            {"std", number.over_patients.deviation},
                            {"low", number.interval.low},
                            {"high", number.interval.high},
                            {"count", number.over_patients.count}};
    }
    list.push_back(std::move(entry));
  }
  return list.dump(1) + "\n";
}

std::string to_csv(const std::vector<PatientRow>& rows) {
  const PatientRow* widest = nullptr;  // rows of healthy sets have the first columns alone
  for (const PatientRow& row : rows)
    if (widest == nullptr || row.numbers.size() > widest->numbers.size()) widest = &row;
  std::string text = "method,set,stage,patient,subject";
  if (widest == nullptr) return text + "\n";
  for (const auto& [name, unused] : widest->numbers) text += "," + name;
  text += "\n";
  for (const PatientRow& row : rows) {
    text += fmt::format("{},{},{},{},{}", csv_cell(row.method), csv_cell(row.set), row.stage,
                        csv_cell(row.patient), csv_cell(row.subject));
    Numbers numbers = row.numbers;
    numbers.resize(widest->numbers.size(), {"", undefined});
    text += csv_numbers(numbers);
  }
  return text;
}

std::string to_csv(const std::vector<SliceRow>& rows) {
  std::string text = "method,set,stage,patient,slice";
  for (const auto& [name, unused] : numbers_of_slice({})) text += "," + name;
  text += "\n";
  for (const SliceRow& row : rows)
    text += fmt::format("{},{},{},{},{}", csv_cell(row.method), csv_cell(row.set), row.stage,
                        csv_cell(row.patient), row.score.index) +
            csv_numbers(numbers_of_slice(row.score));
  return text;
}

std::string to_text(const std::vector<SetSummary>& summaries) {
  constexpr const char* numbers[] = {"dice", "auprc", "l1"};
  std::string text =
      fmt::format("{:<22}  {:<14}  {:<14}  {:>8}  {:>9}", "method", "set", "stage", "patients", "threshold");
  for (const char* name : numbers) text += fmt::format("  {:>18}", name);
  text += "  pooled dice\n";
  for (const SetSummary& s : summaries) {
    text += fmt::format("{:<22}  {:<14}  {:<14}  {:>8}  {:>9}", s.method, s.set, s.stage, s.patients,
                        s.threshold ? fmt::format("{:.4f}", *s.threshold) : "-");
    for (const char* name : numbers) text += fmt::format("  {:>18}", cell(s, name));
    const auto pooled = std::ranges::find(s.totals, "pooled_dice", &Numbers::value_type::first);
    text += fmt::format("  {:>11}\n", pooled == s.totals.end() ? "-" : fmt::format("{:.4f}", pooled->second));
  }
  return text;
}

}  // namespace gyrus
