#include "launch/config/binder.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

namespace gyrus {
namespace {

std::string spell_number(double value) {
  return value == std::floor(value) && std::abs(value) < 1e15
             ? fmt::format("{}", static_cast<std::int64_t>(value))
             : fmt::format("{}", value);
}

class Binder : public Fields {
 public:
  Binder(const ConfigNode& section, std::string path) : section_(section), path_(std::move(path)) {
    sections_.push_back(section.is_mapping() ? &section : nullptr);
  }

  void field(const char* name, bool& value, const char*, const Rules&) override {
    if (const ConfigNode* node = find(name)) value = read_boolean(*node, name);
  }
  void field(const char* name, std::int64_t& value, const char*, const Rules& rules) override {
    if (const ConfigNode* node = find(name)) value = read_integer(*node, name, rules);
  }
  void field(const char* name, double& value, const char*, const Rules& rules) override {
    if (const ConfigNode* node = find(name)) value = read_number(*node, name, rules);
  }
  void field(const char* name, std::string& value, const char*, const Rules& rules) override {
    if (const ConfigNode* node = find(name)) value = read_text(*node, name, rules);
  }
  void field(const char* name, std::vector<std::int64_t>& value, const char*, const Rules& rules) override {
    read_list(name, value, [&](const ConfigNode& node) { return read_integer(node, name, rules); });
  }
  void field(const char* name, std::vector<double>& value, const char*, const Rules& rules) override {
    read_list(name, value, [&](const ConfigNode& node) { return read_number(node, name, rules); });
  }
  void field(const char* name, std::vector<std::string>& value, const char*, const Rules& rules) override {
    read_list(name, value, [&](const ConfigNode& node) { return read_text(node, name, rules); });
  }

  void reject_unknown_keys() const { reject_unknown_keys(section_, path_); }

  void begin_group(const char* name) override {
    remember(name);
    const ConfigNode* group = sections_.back() ? sections_.back()->find(name) : nullptr;
    path_ = join_path(path_, name);
    known_[path_];  // a group without any option is known all the same
    if (group && !group->is_mapping() && !group->is_null()) {
      throw ConfigError(fmt::format("{} ({}) is {}; a group of options is wanted", path_,
                                    group->origin.describe(), describe_value(*group)));
    }
    sections_.push_back(group && group->is_mapping() ? group : nullptr);
  }
  void end_group() override {
    sections_.pop_back();
    path_.erase(path_.find_last_of('.') == std::string::npos ? 0 : path_.find_last_of('.'));
  }

 private:
  void remember(const char* name) {
    auto& names = known_[path_];
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }

  const ConfigNode* find(const char* name) {
    remember(name);
    const ConfigNode* node = sections_.back() ? sections_.back()->find(name) : nullptr;
    if (node && node->is_missing()) {
      throw ConfigError(
          fmt::format("{0} ({1}) must be given: write {0}=... on the command line or in the YAML",
                      join_path(path_, name), node->origin.describe()));
    }
    return node;
  }

  [[noreturn]] void fail(const ConfigNode& node, const char* name, const std::string& what) const {
    throw ConfigError(fmt::format("{} ({}) is {}; {}", join_path(path_, name), node.origin.describe(),
                                  describe_value(node), what));
  }

  bool read_boolean(const ConfigNode& node, const char* name) const {
    if (node.kind != NodeKind::boolean) fail(node, name, "true or false is wanted");
    return node.boolean;
  }

  double read_number(const ConfigNode& node, const char* name, const Rules& rules) const {
    if (node.is_text() && node.text == "auto" && rules.auto_value) return *rules.auto_value;
    double value = 0;
    if (node.kind == NodeKind::integer)
      value = static_cast<double>(node.integer);
    else if (node.kind == NodeKind::floating)
      value = node.floating;
    else
      fail(node, name, rules.auto_value ? "a number or auto is wanted" : "a number is wanted");
    check_range(value, node, name, rules);
    return value;
  }

  std::int64_t read_integer(const ConfigNode& node, const char* name, const Rules& rules) const {
    if (node.is_text() && node.text == "auto" && rules.auto_value)
      return static_cast<std::int64_t>(*rules.auto_value);
    std::int64_t value = 0;
    // 1e6 is a float to the grammar and a convenient way to write a count.
    const bool is_whole = node.kind == NodeKind::floating && node.floating == std::floor(node.floating) &&
                          std::abs(node.floating) < 9e15;
    if (node.kind == NodeKind::integer)
      value = node.integer;
    else if (is_whole)
      value = static_cast<std::int64_t>(node.floating);
    else
      fail(node, name, rules.auto_value ? "a whole number or auto is wanted" : "a whole number is wanted");
    check_range(static_cast<double>(value), node, name, rules);
    return value;
  }

  std::string read_text(const ConfigNode& node, const char* name, const Rules& rules) const {
    // A number is not taken for text: 1:30:00 is the number 5400 to YAML, and that is not what its writer
    // meant.
    if (!node.is_text())
      fail(node, name, "text is wanted; put it in quotes, inside the YAML or the override");
    if (!rules.choices.empty() &&
        std::find(rules.choices.begin(), rules.choices.end(), node.text) == rules.choices.end()) {
      const std::string suggestion = nearest_word(node.text, rules.choices);
      fail(node, name,
           fmt::format("{}choices: {}", suggestion.empty() ? "" : "did you mean " + suggestion + "? ",
                       fmt::join(rules.choices, ", ")));
    }
    return node.text;
  }

  template <class T, class Read>
  void read_list(const char* name, std::vector<T>& value, const Read& read) {
    const ConfigNode* node = find(name);
    if (!node) return;
    value.clear();
    if (node->is_mapping() || node->is_null()) fail(*node, name, "a list is wanted");
    if (!node->is_list()) {  // a single value is a list of one
      value.push_back(read(*node));
      return;
    }
    for (const ConfigNode& item : node->items) value.push_back(read(item));
  }

  void check_range(double value, const ConfigNode& node, const char* name, const Rules& rules) const {
    const bool is_below = rules.min && !(value >= *rules.min);
    const bool is_above = rules.max && !(value <= *rules.max);
    if (is_below || is_above) fail(node, name, fmt::format("it must be {}", describe_rules(rules)));
  }

  void reject_unknown_keys(const ConfigNode& section, const std::string& path) const {
    const auto known = known_.find(path);
    if (known == known_.end()) return;
    for (const auto& [key, value] : section.entries) {
      const auto& names = known->second;
      if (std::find(names.begin(), names.end(), key.text) == names.end()) {
        const std::string suggestion = nearest_word(key.text, names);
        throw ConfigError(fmt::format("{} ({}) is not an option; {}{} has: {}", join_path(path, key.text),
                                      value.origin.describe(),
                                      suggestion.empty() ? "" : "did you mean " + suggestion + "? ",
                                      path.empty() ? "the configuration" : path, fmt::join(names, ", ")));
      }
      if (value.is_mapping()) reject_unknown_keys(value, join_path(path, key.text));
    }
  }

  const ConfigNode& section_;
  std::string path_;
  std::vector<const ConfigNode*> sections_;  // null pointer: the section does not exist, defaults stay
  std::map<std::string, std::vector<std::string>> known_;
};

/// Collects what help and the digest need.
class Describer : public Fields {
 public:
  std::vector<OptionDescription> options;

  void field(const char* name, bool& value, const char* help, const Rules& rules) override {
    add(name, "true|false", value ? "true" : "false", help, rules);
  }
  void field(const char* name, std::int64_t& value, const char* help, const Rules& rules) override {
    add(name, "integer", spell_default(static_cast<double>(value), std::to_string(value), rules), help,
        rules);
  }
  void field(const char* name, double& value, const char* help, const Rules& rules) override {
    add(name, "number", spell_default(value, fmt::format("{}", value), rules), help, rules);
  }
  void field(const char* name, std::string& value, const char* help, const Rules& rules) override {
    add(name, "text", value, help, rules);
  }
  void field(const char* name, std::vector<std::int64_t>& value, const char* help,
             const Rules& rules) override {
    add(name, "list of integers", fmt::format("[{}]", fmt::join(value, ", ")), help, rules);
  }
  void field(const char* name, std::vector<double>& value, const char* help, const Rules& rules) override {
    add(name, "list of numbers", fmt::format("[{}]", fmt::join(value, ", ")), help, rules);
  }
  void field(const char* name, std::vector<std::string>& value, const char* help,
             const Rules& rules) override {
    add(name, "list of text", fmt::format("[{}]", fmt::join(value, ", ")), help, rules);
  }

  void begin_group(const char* name) override { path_.push_back(name); }
  void end_group() override { path_.pop_back(); }

 private:
  static std::string spell_default(double value, const std::string& text, const Rules& rules) {
    return rules.auto_value && *rules.auto_value == value ? "auto" : text;
  }
  void add(const char* name, const char* type, std::string default_text, const char* help,
           const Rules& rules) {
    options.push_back({join_path(fmt::format("{}", fmt::join(path_, ".")), name), type,
                       std::move(default_text), help, rules});
  }
  std::vector<std::string> path_;
};

/// Binds each option, then describes it with the value it got.
class BinderAndDescriber : public Fields {
 public:
  explicit BinderAndDescriber(const ConfigNode& root) : binder(root, "") {}

  Binder binder;
  Describer describer;

  void field(const char* name, bool& value, const char* help, const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, std::int64_t& value, const char* help, const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, double& value, const char* help, const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, std::string& value, const char* help, const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, std::vector<std::int64_t>& value, const char* help,
             const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, std::vector<double>& value, const char* help, const Rules& rules) override {
    both(name, value, help, rules);
  }
  void field(const char* name, std::vector<std::string>& value, const char* help,
             const Rules& rules) override {
    both(name, value, help, rules);
  }
  void begin_group(const char* name) override {
    binder.begin_group(name);
    describer.begin_group(name);
  }
  void end_group() override {
    binder.end_group();
    describer.end_group();
  }

 private:
  template <class T>
  void both(const char* name, T& value, const char* help, const Rules& rules) {
    binder.field(name, value, help, rules);
    describer.field(name, value, help, rules);
  }
};

}  // namespace

void bind_fields(const ConfigNode& section, const std::string& path,
                 const std::function<void(Fields&)>& visit) {
  Binder binder(section, path);
  visit(binder);
  binder.reject_unknown_keys();
}

std::vector<OptionDescription> describe_options(const std::function<void(Fields&)>& visit) {
  Describer describer;
  visit(describer);
  return describer.options;
}

std::vector<OptionDescription> bound_options(const ConfigNode& root,
                                             const std::function<void(Fields&)>& visit) {
  BinderAndDescriber both(root);
  visit(both);
  both.binder.reject_unknown_keys();
  return both.describer.options;
}

std::string describe_rules(const Rules& rules) {
  std::string text;
  if (rules.min && rules.max)
    text = fmt::format("{} to {}", spell_number(*rules.min), spell_number(*rules.max));
  else if (rules.min)
    text = "at least " + spell_number(*rules.min);
  else if (rules.max)
    text = "at most " + spell_number(*rules.max);
  if (!rules.choices.empty()) text = fmt::format("{}", fmt::join(rules.choices, "|"));
  if (rules.auto_value) text += text.empty() ? "or auto" : ", or auto";
  return text;
}

}  // namespace gyrus
