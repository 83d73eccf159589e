#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "trainer/evaluation/evaluator.hpp"
#include "trainer/evaluation/results.hpp"

namespace gyrus {

/// A way of making anomaly maps, by the name that the tables show.
struct Method {
  std::string name;
  Evaluator::MapMaker make_map;
};

/// Everything that was found; equal on all ranks.
struct EvaluationResults {
  std::vector<PatientRow> rows;
  std::vector<SliceRow> slices;
  std::vector<SetSummary> summaries;
};

/// A patient that shows how a method does on a set.
struct Example {
  std::string set, which, patient;  // which: worst, median, best
  double threshold = 0.0;           // NaN in healthy sets
};
/// Of each test set by Dice, of each healthy set by l1; ties by the order of the patients.
std::vector<Example> choose_examples(const EvaluationResults& results, const std::string& method);

/// The whole evaluation, method section 7: thresholds on the threshold sets, scores on the test sets, the
/// reconstruction of the healthy sets. Patients are divided over ranks. Determinism: results are equal bit
/// for bit for every number of ranks with equally many threads each, also with more ranks than patients.
class Protocol {
 public:
  /// @pre check_sets() found nothing
  Protocol(const Dataset& dataset, const Evaluator& evaluator, const EvaluationOptions& options,
           std::uint64_t seed, const mpi::Communicator& communicator);

  /// Evaluates one method and adds what it finds to `results`. Collective.
  void run(const Method& method, EvaluationResults& results) const;

 private:
  /// A volume and how well it was reproduced; its pictures may be gone.
  struct Examined {
    ScoredVolume scored;
    ReconstructionQuality quality;
  };
  struct FoundThreshold {
    std::string set;
    double threshold = 0.0;
    std::vector<std::array<double, 7>> rounds;  // of an interval search
  };

  Examined examine(const Method& method, const std::string& set, std::int64_t index) const;
  std::vector<Examined> examine_share(const Method& method, const std::string& set) const;
  FoundThreshold find_threshold(const std::string& set, const std::vector<Examined>& share) const;
  FoundThreshold search_interval(const std::string& set, const std::vector<Examined>& share) const;
  BestThreshold search_grid(const std::vector<Examined>& share) const;
  double healthy_threshold(const std::vector<Examined>& share) const;
  double dice_of_share(const std::vector<Examined>& share, double threshold) const;

  /// Scores a set volume by volume. @param found  none: its reconstruction alone is scored. Collective.
  void score_set(const Method& method, Stage stage, const std::string& set, const FoundThreshold* found,
                 EvaluationResults& results) const;
  /// Adds a volume's rows to `own`. @param threshold  none: its reconstruction alone is scored
  void score(const Method& method, Stage stage, const Examined& volume, std::optional<double> threshold,
             EvaluationResults& own) const;
  /// Puts the rows of all ranks in the order of the patients, adds them and their summary. Collective.
  void collect(const EvaluationResults& own, const FoundThreshold* found, bool has_one_threshold,
               EvaluationResults& results) const;

  const Dataset& dataset_;
  const Evaluator& evaluator_;
  const EvaluationOptions& options_;
  std::uint64_t seed_;
  const mpi::Communicator& communicator_;
};

}  // namespace gyrus
