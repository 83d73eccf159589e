#include "trainer/evaluation/protocol.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include "trainer/evaluation/dice_units.hpp"
#include "trainer/evaluation/threshold_search.hpp"

namespace gyrus {
namespace {

/// Every rank's values, joined and counted.
std::vector<ValueCount> gather_counts(const mpi::Communicator& communicator,
                                      const std::vector<ValueCount>& own) {
  const std::string bytes(reinterpret_cast<const char*>(own.data()), own.size() * sizeof(ValueCount));
  std::vector<std::vector<ValueCount>> lists;
  for (const std::string& text : communicator.all_gather_text(bytes)) {
    lists.emplace_back(text.size() / sizeof(ValueCount));
    std::copy(text.begin(), text.end(), reinterpret_cast<char*>(lists.back().data()));
  }
  return merge_counts(lists);
}

/// Where the worst patient by a number comes first; those without the number are left out.
std::vector<PatientRow> ranked(std::vector<PatientRow> rows, const std::string& number, bool more_is_better) {
  std::erase_if(rows, [&](const PatientRow& row) { return !std::isfinite(row.at(number)); });
  std::ranges::stable_sort(
      rows, {}, [&](const PatientRow& row) { return more_is_better ? row.at(number) : -row.at(number); });
  return rows;
}

}  // namespace

std::vector<Example> choose_examples(const EvaluationResults& results, const std::string& method) {
  std::map<std::pair<std::string, bool>, std::vector<PatientRow>>
      sets;  // by name and whether it is a test set
  for (const PatientRow& row : results.rows)
    if (row.method == method && row.stage != name_of(Stage::validation))
      sets[{row.set, row.stage == name_of(Stage::test)}].push_back(row);
  std::vector<Example> examples;
  for (const auto& [key, rows] : sets) {
    const auto order = ranked(rows, key.second ? "dice" : "l1", key.second);
    if (order.empty()) continue;
    const auto add = [&](const char* which, const PatientRow& row) {
      examples.push_back({key.first, which, row.patient, row.at("threshold")});
    };
    add("worst", order.front());
    add("median", order[order.size() / 2]);
    add("best", order.back());
  }
  return examples;
}

Protocol::Protocol(const Dataset& dataset, const Evaluator& evaluator, const EvaluationOptions& options,
                   std::uint64_t seed, const mpi::Communicator& communicator)
    : dataset_(dataset), evaluator_(evaluator), options_(options), seed_(seed), communicator_(communicator) {}

void Protocol::run(const Method& method, EvaluationResults& results) const {
  std::map<std::string, FoundThreshold> found;
  for (std::size_t i = 0; i < options_.test_sets.size(); ++i) {
    const std::string& threshold_set = options_.threshold_sets[i];
    if (!found.contains(threshold_set)) {
      const auto share = examine_share(method, threshold_set);
      found[threshold_set] = find_threshold(threshold_set, share);
      const bool has_own = options_.validation_threshold == "own" && options_.threshold == "lesions";
      EvaluationResults own;
      for (const Examined& volume : share)
        score(
            method, Stage::validation, volume,
            has_own ? own_best_threshold(volume.scored, options_).threshold : found[threshold_set].threshold,
            own);
      collect(own, &found[threshold_set], !has_own, results);
    }
    score_set(method, Stage::test, options_.test_sets[i], &found[threshold_set], results);
  }
  for (const std::string& set : options_.healthy_sets)
    score_set(method, Stage::reconstruction, set, nullptr, results);
}

// ------------------------------------------------------------------------------------------------------------
// volumes

Protocol::Examined Protocol::examine(const Method& method, const std::string& set, std::int64_t index) const {
  Examined volume;
  volume.scored = evaluator_.score(method.make_map, set, index);
  volume.quality = reconstruction_quality(volume.scored);
  return volume;
}

std::vector<Protocol::Examined> Protocol::examine_share(const Method& method, const std::string& set) const {
  std::vector<Examined> share;
  const auto count = static_cast<std::int64_t>(dataset_.volumes(set).size());
  for (std::int64_t index = communicator_.rank(); index < count; index += communicator_.size()) {
    share.push_back(examine(method, set, index));
    share.back().scored.volume.image = {};  // a whole set stays in memory: keep what the search needs
    share.back().scored.reconstruction = {};
  }
  return share;
}

// ------------------------------------------------------------------------------------------------------------
// thresholds

Protocol::FoundThreshold Protocol::find_threshold(const std::string& set,
                                                  const std::vector<Examined>& share) const {
  if (options_.threshold == "healthy") return {set, healthy_threshold(share), {}};
  if (options_.search == "interval") return search_interval(set, share);
  return {set, search_grid(share).threshold, {}};
}

BestThreshold Protocol::search_grid(const std::vector<Examined>& share) const {
  SetCurve curve;
  for (const Examined& volume : share) curve.add(own_curve(volume.scored, options_));
  curve.sum_over_ranks(communicator_);
  return curve.best(options_.objective);
}

Protocol::FoundThreshold Protocol::search_interval(const std::string& set,
                                                   const std::vector<Examined>& share) const {
  float largest = 0.0f;
  for (const Examined& volume : share)
    largest = std::max(largest, *std::ranges::max_element(volume.scored.residual));
  const auto search = interval_search(communicator_.max(static_cast<double>(largest)),
                                      [&](double threshold) { return dice_of_share(share, threshold); });
  return {set, search.best.threshold, search.rounds};
}

double Protocol::dice_of_share(const std::vector<Examined>& share, double threshold) const {
  std::vector<std::int64_t> sums(5, 0);  // hits, marked, lesion, Dice in units, patients
  for (const Examined& volume : share) {
    const Confusion counts = confusion_above(volume.scored, threshold, options_.search_components, options_);
    sums[0] += counts.true_positives;
    sums[1] += counts.marked();
    sums[2] += counts.lesion();
    sums[3] += dice_units::from(rates_of(counts).dice);
    sums[4] += 1;
  }
  communicator_.sum_in_place(sums);
  if (options_.objective == "patient") return dice_units::mean(sums[3], sums[4]);
  return 2.0 * static_cast<double>(sums[0]) / static_cast<double>(sums[1] + sums[2]);
}

double Protocol::healthy_threshold(const std::vector<Examined>& share) const {
  if (options_.healthy_threshold == "roc") {
    std::vector<std::vector<ValueCount>> lists;
    for (const Examined& volume : share) lists.push_back(count_values(volume.scored.residual));
    return healthy_roc_threshold(options_.healthy_rate, gather_counts(communicator_, merge_counts(lists)));
  }
  std::int64_t voxels = 0;
  for (const Examined& volume : share) voxels += static_cast<std::int64_t>(volume.scored.residual.size());
  return healthy_quantile(options_.healthy_rate, communicator_.sum(voxels), [&](float value) {
    std::int64_t above = 0;
    for (const Examined& volume : share)
      above +=
          std::ranges::count_if(volume.scored.residual, [&](float residual) { return residual > value; });
    return communicator_.sum(above);
  });
}

// ------------------------------------------------------------------------------------------------------------
// rows

void Protocol::score_set(const Method& method, Stage stage, const std::string& set,
                         const FoundThreshold* found, EvaluationResults& results) const {
  EvaluationResults own;
  const auto count = static_cast<std::int64_t>(dataset_.volumes(set).size());
  for (std::int64_t index = communicator_.rank(); index < count; index += communicator_.size())
    score(method, stage, examine(method, set, index),
          found != nullptr ? std::optional(found->threshold) : std::nullopt, own);
  collect(own, found, found != nullptr, results);
}

void Protocol::score(const Method& method, Stage stage, const Examined& volume,
                     std::optional<double> threshold, EvaluationResults& own) const {
  const Volume& source = volume.scored.volume;
  PatientRow row{method.name, source.set,     name_of(stage),
                 source.id,   source.subject, numbers_of(volume.scored, volume.quality)};
  if (threshold) {
    const PatientScores scores = score_patient(volume.scored, *threshold, options_);
    const Numbers more = numbers_of(scores, options_);
    row.numbers.insert(row.numbers.end(), more.begin(), more.end());
    for (const SliceScore& slice : scores.slices)
      own.slices.push_back({row.method, row.set, row.stage, row.patient, slice});
  }
  own.rows.push_back(std::move(row));
}

void Protocol::collect(const EvaluationResults& own, const FoundThreshold* found, bool has_one_threshold,
                       EvaluationResults& results) const {
  std::vector<std::vector<PatientRow>> row_shares;
  for (const auto& text : communicator_.all_gather_text(to_json(own.rows)))
    row_shares.push_back(rows_of_json(text, "a rank's share"));
  std::vector<std::vector<SliceRow>> slice_shares;
  for (const auto& text : communicator_.all_gather_text(to_json(own.slices)))
    slice_shares.push_back(slice_rows_of_json(text, "a rank's share"));
  std::size_t slices_per_volume = 0;  // on rank 0, which has a volume in any case
  if (!row_shares.front().empty())
    slices_per_volume = slice_shares.front().size() / row_shares.front().size();
  // By patient, then by the volume's place in its set.
  auto rows = in_volume_order(row_shares, 1);
  auto slices = in_volume_order(slice_shares, slices_per_volume);
  std::ranges::stable_sort(rows, {}, &PatientRow::patient);
  std::ranges::stable_sort(slices, {}, &SliceRow::patient);

  SetSummary summary = summarise_rows(rows, options_.bootstrap_samples, seed_);
  if (found != nullptr) {
    summary.threshold_set = found->set;
    summary.search_rounds = found->rounds;
    if (has_one_threshold) summary.threshold = found->threshold;
  }
  results.rows.insert(results.rows.end(), rows.begin(), rows.end());
  results.slices.insert(results.slices.end(), slices.begin(), slices.end());
  results.summaries.push_back(std::move(summary));
}

}  // namespace gyrus
