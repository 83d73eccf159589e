#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "launch/error.hpp"

namespace gyrus {

/// Where a value was written: a file with its line, or an override of the command line (line 0).
struct Origin {
  std::string source;
  int line = 0;

  /// "configs/model/ddpm.yaml:4" or "override model.width=3".
  std::string describe() const { return line > 0 ? source + ":" + std::to_string(line) : source; }
};

/// A configuration cannot be composed. `kind` is a stable name of the failure (`option_missing`,
/// `interpolation_cycle`, ...).
struct CompositionError : ConfigError {
  CompositionError(const char* failure, const std::string& message) : ConfigError(message), kind(failure) {}
  const char* kind;
};

enum class NodeKind { null, boolean, integer, floating, text, missing, list, mapping };

/// Keys are typed as values are: `2: x` has an integer key, `"2": x` a text key.
struct ConfigKey {
  ConfigKey(std::string spelling) : text(std::move(spelling)) {}
  ConfigKey(const char* spelling) : text(spelling) {}
  ConfigKey(NodeKind type, std::string spelling) : kind(type), text(std::move(spelling)) {}

  bool operator==(const ConfigKey&) const = default;

  NodeKind kind = NodeKind::text;
  std::string text;
};

/// A value that a later layer replaced.
struct ReplacedValue {
  Origin origin;
  std::string value;
};

/// One value of a configuration, with the place that it came from. A plain value type: copying copies the
/// tree.
struct ConfigNode {
  NodeKind kind = NodeKind::null;
  bool boolean = false;
  std::int64_t integer = 0;
  double floating = 0.0;
  std::string text;               // may hold interpolations
  char quote = '\0';              // that stood around the text in an override or in a resolver's argument
  std::vector<ConfigNode> items;  // list
  std::vector<std::pair<ConfigKey, ConfigNode>> entries;  // mapping, in the order of the file
  Origin origin;
  std::vector<ReplacedValue> replaced;  // what earlier layers had said, oldest first

  static ConfigNode make_null() { return {}; }
  static ConfigNode make_boolean(bool value);
  static ConfigNode make_integer(std::int64_t value);
  static ConfigNode make_floating(double value);
  /// The text `???` makes a missing value.
  static ConfigNode make_text(std::string value);
  static ConfigNode make_list() { return with_kind(NodeKind::list); }
  static ConfigNode make_mapping() { return with_kind(NodeKind::mapping); }
  static ConfigNode with_kind(NodeKind kind);

  bool is_list() const { return kind == NodeKind::list; }
  bool is_mapping() const { return kind == NodeKind::mapping; }
  bool is_text() const { return kind == NodeKind::text; }
  bool is_null() const { return kind == NodeKind::null; }
  bool is_missing() const { return kind == NodeKind::missing; }
  bool has_interpolation() const { return is_text() && text.find("${") != std::string::npos; }

  /// The value under `key`, or null pointer.
  const ConfigNode* find(const ConfigKey& key) const;
  ConfigNode* find(const ConfigKey& key);
  /// The value at a dotted path (list positions are numbers), or null pointer.
  const ConfigNode* find_path(std::string_view path) const;
  void erase(const ConfigKey& key);

  /// Marks this value and all below it as written at `place`.
  void set_origin(const Origin& place);
};

/// The places of a mapping's keys, for mappings of many keys that are searched for many: ConfigNode::find
/// looks through all entries. Stays right while entries are only appended, each with `add`.
class KeyIndex {
 public:
  explicit KeyIndex(const ConfigNode& mapping);
  void add(const ConfigKey& key);
  /// Position among the entries.
  std::optional<std::size_t> find(const ConfigKey& key) const;

 private:
  static std::string name_of(const ConfigKey& key);
  std::unordered_map<std::string, std::size_t> places_;
};

/// Same types and values, keys in the same order; origins are not compared. NaN equals NaN, 0.0 and -0.0
/// differ.
bool same_value(const ConfigNode& a, const ConfigNode& b);

/// The value inside a longer text, spelled as OmegaConf does: True, None, 1e-05, [1, 2].
std::string spell(const ConfigNode& node);

/// For messages: "the text 'abc'", "the number 3", "a list".
std::string describe_value(const ConfigNode& node);

/// For messages: the beginning and the length of a long text.
std::string shortened(std::string_view text);

/// Shortest decimal that reads back as the same double, always with a point or an exponent.
std::string spell_double(double value);

/// The position that `key` names in a list: a number below its size.
std::optional<std::size_t> list_position(const ConfigNode& list, std::string_view key);

std::string join_path(std::string_view parent, std::string_view key);
std::vector<std::string> split(std::string_view text, char separator);

/// Of `known`, the word nearest to `word` when near enough to be a misspelling, else empty.
std::string nearest_word(const std::string& word, const std::vector<std::string>& known);

}  // namespace gyrus
