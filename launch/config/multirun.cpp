#include "launch/config/multirun.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "launch/config/composer.hpp"
#include "launch/config/hydra_node.hpp"
#include "launch/config/override_parser.hpp"
#include "launch/config/override_writer.hpp"
#include "launch/config/yaml_writer.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

constexpr std::size_t most_jobs = 100'000;

/// A key of the sweep and the overrides that give it its values, one for each.
struct Axis {
  std::string key;  // with prefix and package
  std::vector<std::string> overrides;
  bool varies;
};

std::filesystem::path plain(const std::string& folder) {
  const auto path = std::filesystem::path(folder).lexically_normal();
  return path.has_filename() ? path : path.parent_path();
}

std::optional<std::string> output_subdir(const ConfigNode& root) {
  const ConfigNode subdir = resolve_at(root, join_path(hydra_key, "output_subdir"));
  if (subdir.is_null()) return {};
  return spell(subdir);
}

Axis axis_of(const Override& given, const ComposeRequest& request) {
  Axis axis{given.key_with_prefix(), {}, given.is_sweep()};
  const auto add = [&](const ConfigNode& value) {
    axis.overrides.push_back(axis.key + "=" + spell_override_value(value));
  };
  if (!given.is_sweep()) {
    add(given.has_value ? given.value() : ConfigNode::make_null());
    return axis;
  }
  if (given.is_of_hydra())
    throw CompositionError(
        "sweep_over_hydra",
        fmt::format("override {}: an option of hydra takes one value for the whole sweep", given.text));
  try {
    const bool needs_options = given.sweep().kind == Sweep::Kind::glob;
    const auto options = needs_options ? group_options(request, given.key) : std::vector<std::string>();
    for (const ConfigNode& value : enumerate(given.sweep(), options)) add(value);
  } catch (const CompositionError& error) {
    throw CompositionError(error.kind, fmt::format("override {}: {}", given.text, error.what()));
  }
  return axis;
}

/// hydra.sweeper.params as overrides.
std::vector<std::string> sweeper_params(const ConfigNode& root) {
  std::vector<std::string> overrides;
  const ConfigNode params = resolve_at(root, join_path(hydra_key, "sweeper.params"));
  for (const auto& [key, value] : params.entries) overrides.push_back(key.text + "=" + spell(value));
  return overrides;
}

/// Every combination, the last axis fastest.
std::vector<std::vector<std::string>> product(const std::vector<Axis>& axes) {
  std::vector<std::vector<std::string>> jobs(1);
  for (const Axis& axis : axes) {
    if (jobs.size() * axis.overrides.size() > most_jobs)
      throw CompositionError("sweep_type", fmt::format("the sweep has more than {} jobs", most_jobs));
    std::vector<std::vector<std::string>> longer;
    for (const auto& job : jobs)
      for (const std::string& text : axis.overrides) {
        longer.push_back(job);
        longer.back().push_back(text);
      }
    jobs = std::move(longer);
  }
  return jobs;
}

SweepJob compose_job(const ComposeRequest& request, const std::vector<std::string>& of_hydra,
                     std::vector<std::string> overrides, std::size_t number) {
  SweepJob job;
  ComposeRequest single = request;
  single.overrides = of_hydra;
  single.overrides.insert(single.overrides.end(), overrides.begin(), overrides.end());
  job.overrides = std::move(overrides);
  try {
    job.root = compose_tree(single);
    ConfigNode& known = *job.root.find(hydra_key)->find("job");
    *known.find("num") = ConfigNode::make_integer(static_cast<std::int64_t>(number));
    *known.find("id") = ConfigNode::make_text(std::to_string(number));
    job.subdir = hydra_text(job.root, "sweep.subdir");
    job.outputs.dir = plain(hydra_text(job.root, "sweep.dir") + "/" + job.subdir);
    job.outputs.subdir = output_subdir(job.root);
  } catch (const CompositionError& error) {
    throw CompositionError(error.kind, fmt::format("trial {} ({}): {}; no trial was started", number,
                                                   fmt::join(job.overrides, " "), error.what()));
  }
  return job;
}

ConfigNode compose_common(const ComposeRequest& request) {
  ComposeRequest common = request;
  common.skip_sweeps = true;
  return compose_tree(common);
}

}  // namespace

OutputFolders output_folders(const ConfigNode& root) {
  return {plain(hydra_text(root, "run.dir")), output_subdir(root)};
}

void write_hydra_files(const ConfigNode& root, const std::optional<std::string>& subdir,
                       const std::filesystem::path& run_dir) {
  if (!subdir) return;
  gyrus::create_directories(run_dir / *subdir);
  write_file_atomically(run_dir / *subdir / "config.yaml", write_unresolved_yaml(without_hydra(root)));
  write_file_atomically(run_dir / *subdir / "overrides.yaml",
                        write_unresolved_yaml(*root.find_path("hydra.overrides.task")));
}

Multirun compose_multirun(const ComposeRequest& request) {
  std::vector<std::string> texts, of_hydra;
  std::vector<Axis> axes;
  for (const std::string& text : request.overrides) {
    const Override given = parse_override(text);
    if (given.is_of_hydra() && given.is_sweep()) axis_of(given, request);  // throws
    (given.is_of_hydra() ? of_hydra : texts).push_back(text);
  }
  const ConfigNode common = compose_common(request);
  std::vector<std::string> all = sweeper_params(common);
  all.insert(all.end(), texts.begin(), texts.end());
  for (const std::string& text : all) {
    Axis axis = axis_of(parse_override(text), request);
    const auto known = std::ranges::find(axes, axis.key, &Axis::key);
    if (known == axes.end())
      axes.push_back(std::move(axis));
    else
      *known = std::move(axis);
  }
  Multirun multirun;
  for (const Axis& axis : axes)
    if (axis.varies) multirun.varying_keys.push_back(axis.key);
  for (auto& overrides : product(axes))
    multirun.jobs.push_back(compose_job(request, of_hydra, std::move(overrides), multirun.jobs.size()));
  return multirun;
}

bool asks_for_multirun(const ComposeRequest& request) {
  const ConfigNode mode = resolve_at(compose_common(request), join_path(hydra_key, "mode"));
  return mode.is_text() && mode.text == "MULTIRUN";
}

}  // namespace gyrus
