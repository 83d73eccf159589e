// From the defaults list of the primary config to the ordered list of all files to merge.
//
// Entries of one list are expanded last to first: an override that stands in a later entry (an experiment)
// must be known when the entry it overrides is reached. The first override of a key wins, and those of the
// command line come first.
#include "launch/config/defaults_list.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <set>

#include "launch/config/defaults_entry.hpp"
#include "launch/config/resolver.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

constexpr int max_depth = 50;

struct Choice {
  bool has_choice = true;
  bool is_list = false;
  std::vector<std::string> options;

  std::string text() const {
    if (!has_choice) return "null";
    return is_list ? fmt::format("[{}]", fmt::join(options, ",")) : options.front();
  }
  ConfigNode node() const {
    if (!has_choice) return ConfigNode::make_null();
    if (!is_list) return ConfigNode::make_text(options.front());
    ConfigNode list = ConfigNode::make_list();
    for (const std::string& option : options) list.items.push_back(ConfigNode::make_text(option));
    return list;
  }
  bool operator==(const Choice&) const = default;
};

struct GroupOverride {
  Choice choice;
  std::string containing_config;  // empty: the command line
  bool used = false;
};

struct Deletion {
  std::optional<std::string> option;
  std::string text;
  bool used = false;
};

Choice choice_of(const DefaultsEntry& entry) {
  return {entry.has_choice, entry.is_list, entry.options};
}

class Expansion {
 public:
  Expansion(ConfigRepository& repository, bool skip_missing)
      : repository_(repository), skip_missing_(skip_missing) {}

  ExpandedDefaults run(const std::string& primary_config, const std::vector<Override>& group_overrides) {
    for (const Override& override_ : group_overrides) take_override(override_);
    std::vector<ComposedPart> parts;
    if (primary_config.empty()) {
      static const ConfigFile nothing;  // overrides alone
      parts = expand_file(DefaultsEntry::make_file(""), nothing, false, 0);
    } else {
      DefaultsEntry root = DefaultsEntry::make_file(primary_config);
      if (!repository_.load(root.config_path())) {
        throw CompositionError("primary_missing", fmt::format("there is no config '{}' in {}", primary_config,
                                                              repository_.folders_text()));
      }
      parts = expand(root, "", false, 0);
    }
    check_overrides_used();
    Choices choices;
    for (const auto& [key, choice] : choices_) choices.emplace(key, choice.node());
    return {std::move(parts), std::move(choices)};
  }

 private:
  void take_override(const Override& given) {
    if (given.action == Override::Action::force_add) {
      throw CompositionError("force_add_group",
                             fmt::format("override {}: ++ cannot choose an option of group {}; write {}={}",
                                         given.text, given.key, given.key, given.value_text()));
    }
    const std::string key = given.key_with_package();
    if (given.action == Override::Action::remove) {
      std::optional<std::string> option;
      // ~group=null is what a sweep makes of ~group.
      if (given.has_value && !given.value().is_null()) option = spell(given.value());
      deletions_[key] = {option, given.text, false};
      return;
    }
    Choice choice;
    const ConfigNode& value = given.value();
    choice.is_list = value.is_list();
    bool are_names = value.is_text() || value.is_missing() || value.is_list();  // ??? takes a choice away
    for (const ConfigNode& item : value.items) {
      are_names = are_names && item.is_text();
      choice.options.push_back(item.text);
    }
    if (!are_names) {
      throw CompositionError("choice_type",
                             fmt::format("override {}: the option of group {} must be a name or a list of "
                                         "names, not {}",
                                         given.text, given.key, describe_value(value)));
    }
    if (!choice.is_list) choice.options = {value.text};
    if (given.action == Override::Action::set) {
      overrides_[key] = {choice, "", false};
      return;
    }
    DefaultsEntry entry;
    entry.is_group = entry.is_appended = true;
    entry.group = given.key;
    if (given.has_package) entry.package = given.package;
    entry.is_list = choice.is_list;
    entry.options = choice.options;
    entry.origin = value.origin;
    appended_.push_back(entry);
  }

  std::vector<ComposedPart> expand(DefaultsEntry& entry, const std::string& parent_name, bool in_interpolated,
                                   int depth) {
    if (depth > max_depth) {
      throw CompositionError("defaults_list",
                             fmt::format("the defaults lists go in a circle at '{}'", entry.config_path()));
    }
    if (entry.is_group && !entry.is_list) {
      const std::string key = entry.override_key();
      if (const auto found = deletions_.find(key);
          found != deletions_.end() &&
          (!found->second.option || *found->second.option == choice_of(entry).text())) {
        found->second.used = true;
        return {};
      }
      remember_choice(key, choice_of(entry));
    }
    if (!entry.has_choice) return {};
    if (entry.is_list) {
      // Last to first, as the entries of a list.
      std::vector<ComposedPart> parts;
      for (std::size_t i = entry.options.size(); i-- > 0;) {
        DefaultsEntry single = entry;
        single.is_list = single.is_group = false;
        single.options = {entry.options[i]};
        const std::vector<ComposedPart> own = expand(single, parent_name, in_interpolated, depth + 1);
        parts.insert(parts.begin(), own.begin(), own.end());
      }
      return parts;
    }
    if (entry.option() == "???") {
      if (skip_missing_) return {};
      throw CompositionError(
          "choice_missing",
          fmt::format("group {0} needs a choice: {0}=OPTION; the options are: {1}", entry.override_key(),
                      fmt::join(repository_.options(entry.group_path()), ", ")));
    }
    const ConfigFile* file = repository_.load(entry.config_path());
    if (!file) {
      if (!entry.is_optional) fail_not_found(entry, parent_name);
      warn_of_misspelling(entry, parent_name);
      return {};
    }
    entry.header_package = file->package ? std::optional("_global_." + *file->package) : std::nullopt;
    if (file->package && file->package->starts_with("_global_")) entry.header_package = file->package;
    if (entry.is_group && file->defaults.items.empty() && !leaves_.insert(entry.override_key()).second)
      fail_repeated(entry.override_key(), choice_of(entry), choice_of(entry));
    return expand_file(entry, *file, in_interpolated, depth);
  }

  std::vector<ComposedPart> expand_file(const DefaultsEntry& parent, const ConfigFile& file,
                                        bool in_interpolated, int depth) {
    std::vector<DefaultsEntry> entries = read_entries(file);
    if (depth == 0) entries.insert(entries.end(), appended_.begin(), appended_.end());
    const std::string package = parent.final_package(/*with_header=*/true);
    for (DefaultsEntry& entry : entries) {
      entry.parent_group = parent.group_path();
      entry.parent_package = package;
    }
    take_overrides_of(entries, file.name, in_interpolated);

    std::vector<std::vector<ComposedPart>> children(entries.size());
    for (std::size_t i = entries.size(); i-- > 0;) {
      DefaultsEntry& entry = entries[i];
      if (entry.is_self) {
        children[i] = {{&file, package}};
        continue;
      }
      if (entry.is_override) continue;
      apply_override(entry);
      if (!entry.is_interpolation()) children[i] = expand(entry, file.name, in_interpolated, depth + 1);
    }
    // Options that name other choices: only now are all choices of this list known.
    ConfigNode choices = ConfigNode::make_mapping();
    for (const auto& [key, choice] : choices_) choices.entries.emplace_back(key, choice.node());
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (entries[i].is_self || entries[i].is_override || !entries[i].is_interpolation()) continue;
      entries[i].options = {resolve_choices(entries[i].option(), file.name, choices)};
      children[i] = expand(entries[i], file.name, /*in_interpolated=*/true, depth + 1);
    }
    std::vector<ComposedPart> parts;
    for (auto& child : children) parts.insert(parts.end(), child.begin(), child.end());
    return parts;
  }

  std::vector<DefaultsEntry> read_entries(const ConfigFile& file) const {
    std::vector<DefaultsEntry> entries;
    bool has_self = false;
    for (const ConfigNode& node : file.defaults.items) {
      entries.push_back(DefaultsEntry::parse(node, file.name));
      if (entries.back().is_self && has_self) {
        throw CompositionError("defaults_list", fmt::format("defaults list of '{}' ({}): _self_ stands twice",
                                                            file.name, node.origin.describe()));
      }
      has_self = has_self || entries.back().is_self;
    }
    if (!has_self) entries.push_back(DefaultsEntry::make_self());
    return entries;
  }

  void take_overrides_of(const std::vector<DefaultsEntry>& entries, const std::string& config_name,
                         bool in_interpolated) {
    const DefaultsEntry* seen = nullptr;
    for (const DefaultsEntry& entry : entries) {
      if (entry.is_self) continue;
      if (seen && !entry.is_override && !entry.is_appended) {
        throw CompositionError(
            "defaults_list",
            fmt::format("defaults list of '{}' ({}): {} stands after 'override {}'; "
                        "overrides must come last",
                        config_name, entry.origin.describe(), entry.override_key(), seen->override_key()));
      }
      if (!entry.is_override) continue;
      if (in_interpolated) {
        throw CompositionError("defaults_list",
                               fmt::format("'{}' ({}) is chosen by an interpolation and cannot override",
                                           config_name, entry.origin.describe()));
      }
      seen = &entry;
      overrides_.try_emplace(entry.override_key(), GroupOverride{choice_of(entry), config_name, false});
    }
  }

  void apply_override(DefaultsEntry& entry) {
    if (!entry.is_group) return;
    const auto found = overrides_.find(entry.override_key());
    if (found == overrides_.end()) return;
    found->second.used = true;
    // Hydra skips an option that is not there even when somebody asked for it by name.
    if (found->second.containing_config.empty()) entry.is_optional = false;
    entry.has_choice = found->second.choice.has_choice;
    entry.is_list = found->second.choice.is_list;
    entry.options = found->second.choice.options;
  }

  void remember_choice(const std::string& key, const Choice& choice) {
    const auto [found, is_new] = choices_.try_emplace(key, choice);
    if (!is_new && found->second != choice) fail_repeated(key, choice, found->second);
  }

  [[noreturn]] static void fail_repeated(const std::string& key, const Choice& choice, const Choice& known) {
    throw CompositionError(
        "choice_repeated",
        fmt::format("group {0} is chosen twice: {1} and {2}; to change a choice write 'override {0}: {1}' "
                    "in the defaults list, or {0}={1} on the command line",
                    key, choice.text(), known.text()));
  }

  /// An option that names the choices of other groups, or uses a resolver. `choices`: a mapping by group.
  std::string resolve_choices(const std::string& option, const std::string& config_name,
                              ConfigNode choices) const {
    std::vector<std::string> known;
    for (const auto& [key, choice] : choices.entries) known.push_back(key.text);
    choices.entries.emplace_back("_option_", ConfigNode::make_text(option));
    std::string problem = "it is no text";
    try {
      const ConfigNode resolved = resolve_at(choices, "_option_");
      if (resolved.is_text()) return resolved.text;
    } catch (const CompositionError& error) {
      problem = error.what();
    }
    throw CompositionError(
        "defaults_interpolation",
        fmt::format("defaults list of '{}': '{}' cannot be resolved ({}); groups that can be named: {}",
                    config_name, option, problem, fmt::join(known, ", ")));
  }

  /// An optional entry without file is left out; when a file of nearly that name exists, nobody meant that.
  void warn_of_misspelling(const DefaultsEntry& entry, const std::string& parent_name) const {
    const std::string suggestion = nearest_word(entry.option(), repository_.options(entry.group_path()));
    if (!suggestion.empty())
      log::warning_once("'{}' ({}): there is no {}, it is left out; did you mean {}?", parent_name,
                        entry.origin.describe(), entry.config_path(), suggestion);
  }

  [[noreturn]] void fail_not_found(const DefaultsEntry& entry, const std::string& parent_name) const {
    const std::string place =
        entry.origin.source.empty() ? "in '" + parent_name + "'" : entry.origin.describe();
    const std::vector<std::string> options = repository_.options(entry.group_path());
    if (options.empty() || (!entry.is_group && entry.group.empty())) {
      throw CompositionError(
          entry.is_group ? "option_missing" : "config_missing",
          fmt::format("there is no config '{}' (asked for by '{}', {}) in {}", entry.config_path(),
                      parent_name, place, repository_.folders_text()));
    }
    const std::string suggestion = nearest_word(entry.option(), options);
    throw CompositionError(
        "option_missing",
        fmt::format("group {} has no option {}: there is no config '{}' ({}); {}the options are: {}",
                    entry.group_path(), entry.option(), entry.config_path(), place,
                    suggestion.empty() ? "" : "did you mean " + suggestion + "? ", fmt::join(options, ", ")));
  }

  void check_overrides_used() const {
    for (const auto& [key, given] : overrides_) {
      if (given.used) continue;
      const std::string group = key.substr(0, key.find('@'));
      std::vector<std::string> candidates;
      for (const auto& [known, choice] : choices_) {
        if (known.substr(0, known.find('@')) == group || known == given.containing_config)
          candidates.push_back(known);
      }
      if (candidates.empty()) {
        // `model@experiment.model` is most often a `/model` in a config without its `# @package _global_`.
        for (const auto& [known, choice] : choices_) {
          if (group.ends_with("/" + known)) candidates.push_back(known);
        }
      }
      std::string message =
          given.containing_config.empty()
              ? fmt::format("override {}={}: the defaults list has no {}", key, given.choice.text(), key)
              : fmt::format("'{}' overrides {}, which is not in the defaults list before it",
                            given.containing_config, key);
      if (!candidates.empty()) message += fmt::format("; did you mean {}?", fmt::join(candidates, " or "));
      if (given.containing_config.empty())
        message += fmt::format("; to add the group write +{}={}", key, given.choice.text());
      throw CompositionError("group_not_in_defaults", message);
    }
    for (const auto& [key, deletion] : deletions_) {
      if (!deletion.used) {
        throw CompositionError(
            "delete_missing",
            fmt::format("override {}: the defaults list has no such choice of group {}", deletion.text, key));
      }
    }
  }

  ConfigRepository& repository_;
  bool skip_missing_;
  std::map<std::string, GroupOverride> overrides_;
  std::map<std::string, Deletion> deletions_;
  std::map<std::string, Choice> choices_;
  std::vector<DefaultsEntry> appended_;
  std::set<std::string> leaves_;  // groups whose option names no further files: their content comes once
};

}  // namespace

ExpandedDefaults expand_defaults(ConfigRepository& repository, const std::string& primary_config,
                                 const std::vector<Override>& group_overrides, bool skip_missing) {
  return Expansion(repository, skip_missing).run(primary_config, group_overrides);
}

}  // namespace gyrus
