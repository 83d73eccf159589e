#include "data/lint/lint.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "data/in_threads.hpp"
#include "data/lint/list_checks.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// Digests that an earlier preparation found; files that have not changed are not read for them again.
SourceDigests known_digests(const fs::path& root) {
  const fs::path file = root / SourceDigests::file_name;
  return SourceDigests(fs::exists(file) ? read_file(file) : "");
}

std::vector<VolumeFacts> read_volumes(const DataOptions& options, const std::vector<ListedEntry>& rows,
                                      std::size_t num_threads) {
  SourceDigests digests(known_digests(options.root));
  std::vector<VolumeFacts> facts(rows.size());
  std::atomic<std::size_t> num_done = 0;
  in_threads(rows.size(), num_threads, [&](std::size_t i) {
    facts[i] = check_volume(rows[i].entry, options.reorient, digests);
    log::progress(fmt::format("checking {} of {} volumes", ++num_done, rows.size()));
  });
  return facts;
}

/// Whether a training volume with this finding is of no use.
bool makes_useless(Check check) {
  return check == Check::unreadable || check == Check::not_finite || check == Check::empty_mask ||
         check == Check::constant;
}

}  // namespace

std::size_t LintReport::num_errors() const {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(), [](const auto& finding) { return finding.is_error; }));
}

Lint::Lint(const DataOptions& options, std::size_t num_threads) : options_(options) {
  if (options.kind == "hdf5")
    throw ConfigError(
        "data.kind=hdf5 has no sources to check: its files are read as they are; `gyrus shards repack` makes "
        "shards of them, which `gyrus shards verify` checks");
  exclusions_ = read_exclusions(options.root);
  report_.rows = without(list_entries(options), exclusions_);
  facts_ = read_volumes(options, report_.rows, num_threads);
  make_report();
}

void Lint::make_report() {
  auto& findings = report_.findings;
  findings = check_list(report_.rows, facts_, options_);
  for (std::size_t i = 0; i < facts_.size(); ++i)
    for (Finding finding : facts_[i].findings) {
      finding.rows = {i};
      const bool is_training = report_.rows[i].entry.set == "train";
      if (is_training && makes_useless(finding.check)) finding.leave_out = {i};
      findings.push_back(std::move(finding));
    }
  const auto is_clear = have_clear_names(report_.rows);
  for (Finding& finding : findings)
    std::erase_if(finding.leave_out, [&](std::size_t row) { return !is_clear[row]; });
  std::stable_sort(findings.begin(), findings.end(), [](const Finding& a, const Finding& b) {
    return std::pair(!a.is_error, a.check) < std::pair(!b.is_error, b.check);
  });
}

std::size_t Lint::leave_out() {
  std::map<std::size_t, std::string> reasons;  // the most serious one of each row
  for (const Finding& finding : report_.findings)
    for (const std::size_t row : finding.leave_out)
      reasons.try_emplace(row, fmt::format("{}: {}", title_of(finding.check), finding.text));
  if (reasons.empty()) return 0;
  for (const auto& [row, reason] : reasons) {
    const ListedEntry& listed = report_.rows[row];
    exclusions_.push_back({listed.source, listed.entry.set, listed.entry.id, reason});
  }
  write_exclusions(options_.root, exclusions_);
  for (auto row = reasons.rbegin(); row != reasons.rend(); ++row) {
    report_.rows.erase(report_.rows.begin() + static_cast<std::ptrdiff_t>(row->first));
    facts_.erase(facts_.begin() + static_cast<std::ptrdiff_t>(row->first));
  }
  make_report();
  return reasons.size();
}

}  // namespace gyrus
