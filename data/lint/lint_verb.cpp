#include "data/lint/lint_verb.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <set>

#include "data/lint/lint.hpp"
#include "launch/command_line.hpp"
#include "launch/exit_code.hpp"
#include "launch/log.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

constexpr std::size_t max_named = 20;  // findings of one kind, in text

std::string counted(std::size_t count, const char* what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

/// How many volumes --fix would leave out.
std::size_t num_fixable(const LintReport& report) {
  std::set<std::size_t> rows;
  for (const Finding& finding : report.findings)
    rows.insert(finding.leave_out.begin(), finding.leave_out.end());
  return rows.size();
}

void print_groups(const std::vector<Finding>& findings) {
  for (auto first = findings.begin(); first != findings.end();) {
    const auto last = std::find_if(first, findings.end(), [&](const Finding& finding) {
      return finding.check != first->check || finding.is_error != first->is_error;
    });
    const auto count = static_cast<std::size_t>(last - first);
    fmt::print("{}: {} ({})\n", first->is_error ? "error" : "warning", title_of(first->check), count);
    for (std::size_t i = 0; i < std::min(count, max_named); ++i)
      fmt::print("  {}\n", first[static_cast<std::ptrdiff_t>(i)].text);
    if (count > max_named) fmt::print("  and {} more\n", count - max_named);
    first = last;
  }
}

void print_text(const DataOptions& options, const Lint& lint, std::size_t num_new) {
  const LintReport& report = lint.report();
  print_groups(report.findings);
  if (const auto sentence = describe_exclusions(options.root); !sentence.empty())
    fmt::print("{}\n", sentence);
  if (num_new > 0) fmt::print("{} of them new; `gyrus prepare` does without them\n", num_new);
  if (const std::size_t fixable = num_fixable(report); fixable > 0)
    fmt::print("`gyrus lint --fix` leaves out {}\n", counted(fixable, "volume"));
  fmt::print("{}: {}, {}, {}\n", options.name, counted(report.rows.size(), "volume"),
             counted(report.num_errors(), "error"), counted(report.num_warnings(), "warning"));
}

json to_json(const ListedEntry& row) {
  return {{"source", row.source},
          {"set", row.entry.set},
          {"id", row.entry.id},
          {"subject", row.entry.subject},
          {"image", row.entry.image.string()},
          {"listed", row.place}};
}

void print_json(const DataOptions& options, const Lint& lint, std::size_t num_new) {
  const LintReport& report = lint.report();
  json findings = json::array(), left_out = json::array();
  for (const Finding& finding : report.findings) {
    json volumes = json::array();
    for (const std::size_t row : finding.rows) volumes.push_back(to_json(report.rows[row]));
    findings.push_back({{"check", name_of(finding.check)},
                        {"severity", finding.is_error ? "error" : "warning"},
                        {"text", finding.text},
                        {"volumes", volumes},
                        {"can_be_fixed", !finding.leave_out.empty()}});
  }
  for (const Exclusion& exclusion : lint.exclusions())
    left_out.push_back({{"source", exclusion.source},
                        {"set", exclusion.set},
                        {"id", exclusion.id},
                        {"reason", exclusion.reason}});
  std::puts(json({{"name", options.name},
                  {"volumes", report.rows.size()},
                  {"errors", report.num_errors()},
                  {"warnings", report.num_warnings()},
                  {"findings", findings},
                  {"left_out", left_out},
                  {"newly_left_out", num_new}})
                .dump(1, ' ', false, json::error_handler_t::replace)
                .c_str());
}

}  // namespace

int lint_verb(const std::vector<std::string>& arguments, const CheckConfig& check) {
  CLI::App app("Checks the sources of the configured data set. Exit code 3 when there are errors.",
               "gyrus lint");
  ConfigArguments config_arguments;
  config_arguments.add_to(app);
  bool fixes = false, as_json = false;
  app.add_flag("--fix", fixes, "leave out what can safely be left out, in exclusions.csv of data.root");
  app.add_flag("--json", as_json, "print JSON");
  if (!parse_arguments(app, arguments)) return 0;
  log::configure(0, config_arguments.quiet);
  const Config config = config_arguments.compose();
  check(config);
  DataOptions options;
  config.bind("data", options);
  options.validate();
  Lint lint(options, static_cast<std::size_t>(usable_cores()));
  const std::size_t num_new = fixes ? lint.leave_out() : 0;
  if (as_json)
    print_json(options, lint, num_new);
  else
    print_text(options, lint, num_new);
  return static_cast<int>(lint.report().num_errors() == 0 ? ExitCode::finished : ExitCode::data);
}

}  // namespace gyrus
