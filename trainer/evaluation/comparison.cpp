#include "trainer/evaluation/comparison.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

constexpr const char* compared_numbers[] = {"dice", "best_dice",    "auprc",        "auroc",
                                            "hd95", "surface_dice", "false_alarms", "lesion_sensitivity",
                                            "l1",   "l1_ratio",     "psnr",         "ssim"};
constexpr const char* rows_file = "patients.json";

struct Pair {
  const PatientRow *a, *b;
};

/// Pairs by (method, set), in the order of the patients.
std::map<std::pair<std::string, std::string>, std::vector<Pair>> pair_rows(const std::vector<PatientRow>& a,
                                                                           const std::vector<PatientRow>& b) {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  const auto key = [](const PatientRow& row) { return Key{row.method, row.set, row.stage, row.patient}; };
  std::map<Key, const PatientRow*> others;
  for (const PatientRow& row : b) others[key(row)] = &row;
  std::map<std::pair<std::string, std::string>, std::vector<Pair>> pairs;
  for (const PatientRow& row : a) {
    if (row.stage == name_of(Stage::validation)) continue;
    if (const auto other = others.find(key(row)); other != others.end())
      pairs[{row.method, row.set}].push_back({&row, other->second});
  }
  return pairs;
}

}  // namespace

std::vector<PairedComparison> compare_rows(const std::vector<PatientRow>& a,
                                           const std::vector<PatientRow>& b) {
  const auto pairs_of_sets = pair_rows(a, b);
  if (pairs_of_sets.empty())
    throw DataError(
        "the two evaluations have no patient of one set and method in common; evaluate both on the "
        "same evaluation.test_sets");
  std::vector<PairedComparison> comparisons;
  for (const auto& [key, pairs] : pairs_of_sets)
    for (const char* number : compared_numbers) {
      std::vector<double> values_a, values_b, differences;
      for (const Pair& pair : pairs) {
        const double value_a = pair.a->at(number), value_b = pair.b->at(number);
        if (!std::isfinite(value_a) || !std::isfinite(value_b)) continue;
        values_a.push_back(value_a);
        values_b.push_back(value_b);
        differences.push_back(value_b - value_a);
      }
      if (differences.empty()) continue;
      comparisons.push_back({key.first, key.second, number, static_cast<std::int64_t>(differences.size()),
                             summarise(values_a).mean, summarise(values_b).mean,
                             wilcoxon_signed_rank(differences)});
    }
  return comparisons;
}

fs::path find_results(const fs::path& path) {
  if (fs::exists(path / rows_file)) return path;
  std::vector<std::string> found;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(path / "evaluation", none))
    if (fs::exists(entry.path() / rows_file)) found.push_back(entry.path().string());
  std::ranges::sort(found);
  if (found.empty())
    throw DataError(
        fmt::format("{} is no result of an evaluation and no run folder that holds one: run `gyrus eval "
                    "checkpoint={}` first",
                    path.string(), path.string()));
  if (found.size() > 1)
    throw ConfigError(fmt::format("{} holds several evaluations; name one of them:\n  {}", path.string(),
                                  fmt::join(found, "\n  ")));
  return found.front();
}

std::string to_json(const std::vector<PairedComparison>& comparisons) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const PairedComparison& c : comparisons)
    list.push_back({{"method", c.method},
                    {"set", c.set},
                    {"number", c.number},
                    {"pairs", c.pairs},
                    {"mean_a", c.mean_a},
                    {"mean_b", c.mean_b},
                    {"difference", c.mean_b - c.mean_a},
                    {"p_value", c.test.p_value},
                    {"p_value_from", c.test.is_exact ? "exact" : "normal"},
                    {"nonzero_pairs", c.test.pairs}});
  return list.dump(1) + "\n";
}

std::string to_text(const std::vector<PairedComparison>& comparisons) {
  std::string text =
      fmt::format("{:<22}  {:<16}  {:<18}  {:>6}  {:>10}  {:>10}  {:>11}  {:>9}  {}\n", "method", "set",
                  "number", "pairs", "mean A", "mean B", "B - A", "p", "p from");
  for (const PairedComparison& c : comparisons)
    text += fmt::format("{:<22}  {:<16}  {:<18}  {:>6}  {:>10.4f}  {:>10.4f}  {:>+11.4f}  {:>9.2g}  {}\n",
                        c.method, c.set, c.number, c.pairs, c.mean_a, c.mean_b, c.mean_b - c.mean_a,
                        c.test.p_value, c.test.is_exact ? "exact" : "normal");
  return text;
}

}  // namespace gyrus
