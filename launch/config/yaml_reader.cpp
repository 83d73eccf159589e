// YAML to ConfigNode: yaml-cpp parses the structure, the types of plain scalars are decided here.
#include "launch/config/yaml_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <map>
#include <optional>
#include <sstream>
#include <utility>

#include "launch/config/yaml_scalar.hpp"
#include "launch/files.hpp"
#include "launch/utf8.hpp"

namespace gyrus {
namespace {

constexpr std::size_t max_depth = 100;
constexpr std::size_t max_nodes = 1'000'000;  // ten aliases of ten aliases of ten ... would fill the memory

constexpr const char* text_tag = "tag:yaml.org,2002:str";

/// Builds the tree from the parser's events: one pass, no nodes of yaml-cpp. Anchored values are kept; an
/// alias becomes a copy.
class TreeBuilder : public YAML::EventHandler {
 public:
  explicit TreeBuilder(const std::string& name) : name_(name) {}

  ConfigNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(ConfigNode::make_null(), mark, anchor);
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& text) override {
    if (expects_key() && tag == "?" && text == "<<") {
      open_.back().merges = true;
      open_.back().key = ConfigKey(text);
      return;
    }
    add(read_scalar(mark, tag, text), mark, anchor);
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const auto known = anchored_.find(anchor);
    if (known == anchored_.end()) fail("yaml_syntax", mark, "an alias stands inside the value that it names");
    count(size_of(known->second), mark);
    add(known->second, mark, 0);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    open(NodeKind::list, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    open(NodeKind::mapping, mark, tag, anchor);
  }
  void OnMapEnd() override { close(); }

 private:
  /// A list or mapping whose end has not come.
  struct Open {
    ConfigNode node;
    YAML::Mark mark;
    YAML::anchor_t anchor = 0;
    KeyIndex keys = KeyIndex(ConfigNode());
    std::optional<ConfigKey> key = {};  // of the value that comes next
    YAML::Mark key_mark = {};
    bool merges = false;                  // the key is <<
    std::vector<ConfigNode> merged = {};  // what stands behind <<
  };

  bool expects_key() const { return !open_.empty() && open_.back().node.is_mapping() && !open_.back().key; }

  [[noreturn]] void fail(const char* kind, const YAML::Mark& mark, const std::string& what) const {
    throw CompositionError(kind, fmt::format("{}, line {}: {}", name_, mark.line + 1, what));
  }

  void count(std::size_t values, const YAML::Mark& mark) {
    num_values_ += values;
    if (num_values_ > max_nodes)
      fail("yaml_syntax", mark, fmt::format("holds more than {} values", max_nodes));
  }

  static std::size_t size_of(const ConfigNode& node) {
    std::size_t size = 1;
    for (const ConfigNode& item : node.items) size += size_of(item);
    for (const auto& [key, value] : node.entries) size += size_of(value);
    return size;
  }

  void open(NodeKind kind, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const bool is_known = tag.empty() || tag == "?" || tag == "!" || tag == "tag:yaml.org,2002:map" ||
                          tag == "tag:yaml.org,2002:seq";
    if (!is_known) fail("yaml_tag", mark, fmt::format("tag {} is unknown; leave it out", tag));
    if (expects_key()) fail("key_type", mark, "a key must be text, a number or true/false");
    if (open_.size() >= max_depth)
      fail("yaml_syntax", mark, fmt::format("nested deeper than {} levels", max_depth));
    Open begun{ConfigNode::with_kind(kind), mark, anchor};
    begun.node.origin = {name_, mark.line + 1};
    open_.push_back(std::move(begun));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    // Merged keys stand before the mapping's own ones; the mapping wins over them, an earlier source over a
    // later one.
    if (!done.merged.empty()) done.node = merge_below(std::move(done));
    add(std::move(done.node), done.mark, done.anchor);
  }

  /// Puts a value where the next one belongs: it may be a key.
  void add(ConfigNode value, const YAML::Mark& mark, YAML::anchor_t anchor) {
    count(1, mark);
    if (value.origin.line == 0) value.origin = {name_, mark.line + 1};
    if (anchor != 0) anchored_[anchor] = value;
    if (open_.empty()) {
      root_ = std::move(value);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list())
      parent.node.items.push_back(std::move(value));
    else if (!parent.key)
      add_key(parent, value, mark);
    else
      add_entry(parent, std::move(value));
  }

  void add_key(Open& parent, const ConfigNode& key, const YAML::Mark& mark) const {
    if (key.is_list() || key.is_mapping())
      fail("key_type", mark, "a key must be text, a number or true/false");
    if (key.is_null())
      fail("key_type", mark, "null cannot be a key; write it in quotes if the text is meant");
    parent.key =
        ConfigKey(key.kind, key.kind == NodeKind::boolean ? (key.boolean ? "true" : "false") : spell(key));
    parent.key_mark = mark;
    if (const auto first = parent.keys.find(*parent.key))
      fail("yaml_duplicate_key", mark,
           fmt::format("key {} is there already, at line {}; keep one of the two", parent.key->text,
                       parent.node.entries[*first].second.origin.line));
  }

  void add_entry(Open& parent, ConfigNode value) {
    const ConfigKey key = *std::exchange(parent.key, std::nullopt);
    if (std::exchange(parent.merges, false)) {
      if (!value.is_list()) value.items = {ConfigNode(value)};
      for (ConfigNode& source : value.items) parent.merged.push_back(std::move(source));
      return;
    }
    value.origin = {name_, parent.key_mark.line + 1};
    parent.keys.add(key);
    parent.node.entries.emplace_back(key, std::move(value));
  }

  ConfigNode merge_below(Open done) const {
    ConfigNode result = ConfigNode::make_mapping();
    result.origin = done.node.origin;
    for (const ConfigNode& source : done.merged) {
      if (!source.is_mapping()) fail("yaml_syntax", done.mark, "<< takes a mapping or a list of mappings");
      for (const auto& [key, value] : source.entries)
        if (!result.find(key)) result.entries.emplace_back(key, value);
    }
    for (auto& [key, value] : done.node.entries) {
      if (ConfigNode* merged = result.find(key))
        *merged = std::move(value);
      else
        result.entries.emplace_back(std::move(key), std::move(value));
    }
    return result;
  }

  ConfigNode read_scalar(const YAML::Mark& mark, const std::string& tag, const std::string& text) const {
    if (tag == "!" || tag == text_tag) return ConfigNode::make_text(text);
    if (tag == "?" || tag.empty()) return read_plain_scalar(text);
    const ConfigNode plain = read_plain_scalar(text);
    if (tag == "tag:yaml.org,2002:float") {
      if (plain.kind == NodeKind::integer)
        return ConfigNode::make_floating(static_cast<double>(plain.integer));
      if (plain.kind == NodeKind::floating) return plain;
    }
    if (tag == "tag:yaml.org,2002:int" && plain.kind == NodeKind::integer) return plain;
    if (tag == "tag:yaml.org,2002:bool" && plain.kind == NodeKind::boolean) return plain;
    if (tag == "tag:yaml.org,2002:null") return ConfigNode::make_null();
    fail("yaml_tag", mark, fmt::format("tag {} is unknown or does not fit '{}'; leave it out", tag, text));
  }

  std::string name_;
  ConfigNode root_;
  std::vector<Open> open_;  // from the root down
  std::map<YAML::anchor_t, ConfigNode> anchored_;
  std::size_t num_values_ = 0;
};

/// Parses and forgets.
struct IgnoreEvents : YAML::EventHandler {
  void OnDocumentStart(const YAML::Mark&) override {}
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

/// Whether a tab stands before the first other character of a line, counted from 0.
bool has_tab(const std::string& content, int line) {
  std::istringstream lines(content);
  std::string text;
  for (int i = 0; i <= line && std::getline(lines, text); ++i) {
  }
  const std::size_t tab = text.find('\t');
  return tab != std::string::npos && text.find_first_not_of(" \t") > tab;
}

}  // namespace

ConfigNode read_yaml(const std::string& content, const std::string& name) {
  if (const std::size_t bad = find_invalid_utf8(content); bad != std::string::npos) {
    const auto line =
        1 + std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    throw CompositionError("yaml_syntax",
                           fmt::format("{}, line {}: is not UTF-8 (byte {})", name, line, bad));
  }
  std::istringstream stream(content);
  TreeBuilder builder(name);
  IgnoreEvents ignore;
  bool has_more = false;
  try {
    YAML::Parser parser(stream);
    // Two documents and no more are asked for: yaml-cpp makes documents without end of "[1], 2".
    has_more = parser.HandleNextDocument(builder) && parser.HandleNextDocument(ignore);
  } catch (const YAML::Exception& error) {
    throw CompositionError(
        "yaml_syntax", fmt::format("{}, line {}: not YAML: {}{}", name, error.mark.line + 1, error.msg,
                                   has_tab(content, error.mark.line) ? " (a tab; indent with blanks)" : ""));
  }
  if (has_more)
    throw CompositionError(
        "yaml_documents",
        fmt::format("{} holds more than one document, or text behind the first one; one is wanted", name));
  return builder.take_root();
}

std::string read_config_text(const std::filesystem::path& path) {
  try {
    return read_file(path);
  } catch (const DataError& error) {
    throw CompositionError("config_missing", error.what());
  }
}

ConfigNode read_yaml_file(const std::filesystem::path& path) {
  return read_yaml(read_config_text(path), path.string());
}

}  // namespace gyrus
