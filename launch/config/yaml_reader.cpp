// YAML to ConfigNode: yaml-cpp parses the structure, the types of plain scalars are decided here.
#include "launch/config/yaml_reader.hpp"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>
#include <sstream>

#include "launch/config/scanner.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

constexpr int max_depth = 100;        // an alias to its own ancestor would nest for ever
constexpr int max_nodes = 1'000'000;  // ten aliases of ten aliases of ten ... would fill the memory

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text == word) return true;
  }
  return false;
}

std::optional<std::int64_t> parse_digits(std::string_view digits, int base) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) return {};
  return value;
}

/// 1:30:15 counts in sixties, as in YAML 1.1.
double parse_sixties(const std::string& text) {
  double total = 0;
  for (const std::string& part : split(text, ':')) total = total * 60 + std::strtod(part.c_str(), nullptr);
  return total;
}

/// :30:15 of base-60 numbers.
bool take_sixties(Scanner& scanner) {
  bool any = false;
  while (scanner.take(":")) {
    any = true;
    if (scanner.take_one_of("012345"))
      scanner.take_one_of(Scanner::digits);
    else if (!scanner.take_one_of("6789"))
      return false;
  }
  return any;
}

bool looks_like_integer(std::string_view text) {
  Scanner scanner{text};
  scanner.take_one_of("+-");
  if (scanner.take("0b")) return scanner.take_all_of("01_") > 0 && scanner.at_end();
  if (scanner.take("0x")) return scanner.take_all_of("0123456789abcdefABCDEF_") > 0 && scanner.at_end();
  if (scanner.take("0")) {  // alone, or octal
    scanner.take_all_of("01234567_");
    return scanner.at_end();
  }
  if (!scanner.take_one_of("123456789")) return false;
  scanner.take_all_of(Scanner::digits_or_underscore);
  return scanner.at_end() || (take_sixties(scanner) && scanner.at_end());
}

bool take_exponent(Scanner& scanner, bool needs_sign) {
  if (!scanner.take_one_of("eE")) return false;
  return (scanner.take_one_of("+-") || !needs_sign) && scanner.take_all_of(Scanner::digits) > 0;
}

/// 1.5 1. 1e3 .5 .5e+3 1:30.5 but neither -.5 nor .5e3: OmegaConf's expression, oddities included.
bool looks_like_floating(std::string_view text) {
  Scanner scanner{text};
  if (scanner.take(".")) {
    if (!scanner.take_one_of(Scanner::digits)) return false;
    scanner.take_all_of(Scanner::digits_or_underscore);
    return scanner.at_end() || (take_exponent(scanner, /*needs_sign=*/true) && scanner.at_end());
  }
  scanner.take_one_of("+-");
  if (!scanner.take_one_of(Scanner::digits)) return false;
  scanner.take_all_of(Scanner::digits_or_underscore);
  const bool is_base_60 = take_sixties(scanner);
  if (scanner.take(".")) {
    scanner.take_all_of(Scanner::digits_or_underscore);
    if (scanner.at_end()) return true;
  }
  return !is_base_60 && take_exponent(scanner, /*needs_sign=*/false) && scanner.at_end();
}

std::optional<ConfigNode> read_integer(const std::string& text) {
  if (!looks_like_integer(text)) return {};
  std::string digits = text;
  std::erase(digits, '_');
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.erase(0, 1);
  std::optional<std::int64_t> value;
  if (digits.find(':') != std::string::npos) {
    value = static_cast<std::int64_t>(parse_sixties(digits));
  } else if (digits.starts_with("0b")) {
    value = parse_digits(std::string_view(digits).substr(2), 2);
  } else if (digits.starts_with("0x")) {
    value = parse_digits(std::string_view(digits).substr(2), 16);
  } else if (digits.size() > 1 && digits.front() == '0') {
    value = parse_digits(std::string_view(digits).substr(1), 8);
  } else {
    value = parse_digits(digits, 10);
  }
  if (!value) return {};
  return ConfigNode::make_integer(negative ? -*value : *value);
}

std::optional<ConfigNode> read_floating(const std::string& text) {
  if (is_one_of(text, {".nan", ".NaN", ".NAN"})) {
    return ConfigNode::make_floating(std::numeric_limits<double>::quiet_NaN());
  }
  std::string digits = text;
  std::erase(digits, '_');
  const bool negative = digits.front() == '-';
  if (negative || digits.front() == '+') digits.erase(0, 1);
  double value = std::numeric_limits<double>::infinity();
  if (!is_one_of(digits, {".inf", ".Inf", ".INF"})) {
    if (!looks_like_floating(text)) return {};
    value =
        digits.find(':') != std::string::npos ? parse_sixties(digits) : std::strtod(digits.c_str(), nullptr);
  }
  return ConfigNode::make_floating(negative ? -value : value);
}

class Reader {
 public:
  explicit Reader(const std::string& name) : name_(name) {}

  ConfigNode read(const YAML::Node& node, int depth) {
    if (depth > max_depth) fail("yaml_syntax", node, fmt::format("nested deeper than {} levels", max_depth));
    if (++num_nodes_ > max_nodes)
      fail("yaml_syntax", node, fmt::format("holds more than {} values", max_nodes));
    if (!node.IsScalar() &&
        !is_one_of(node.Tag(), {"", "?", "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq",
                                "tag:yaml.org,2002:str", "tag:yaml.org,2002:null"})) {
      fail("yaml_tag", node, fmt::format("tag {} is unknown; leave it out", node.Tag()));
    }
    ConfigNode result;
    if (node.IsMap()) {
      result = read_mapping(node, depth);
    } else if (node.IsSequence()) {
      result = ConfigNode::make_list();
      for (const YAML::Node& item : node) result.items.push_back(read(item, depth + 1));
    } else if (node.IsScalar()) {
      result = read_scalar(node);
    } else if (node.Tag() == "tag:yaml.org,2002:str") {
      result = ConfigNode::make_text("");
    }
    result.origin = place(node);
    return result;
  }

 private:
  Origin place(const YAML::Node& node) const { return {name_, node.Mark().line + 1}; }

  [[noreturn]] void fail(const char* kind, const YAML::Node& node, const std::string& what) const {
    throw CompositionError(kind, fmt::format("{}, line {}: {}", name_, node.Mark().line + 1, what));
  }

  ConfigNode read_scalar(const YAML::Node& node) const {
    const std::string& tag = node.Tag();
    const std::string& text = node.Scalar();
    if (tag == "!") return ConfigNode::make_text(text);
    if (tag == "?" || tag.empty()) return read_plain_scalar(text);
    if (tag == "tag:yaml.org,2002:str") return ConfigNode::make_text(text);
    const ConfigNode plain = read_plain_scalar(text);
    if (tag == "tag:yaml.org,2002:float") {
      if (plain.kind == NodeKind::integer)
        return ConfigNode::make_floating(static_cast<double>(plain.integer));
      if (plain.kind == NodeKind::floating) return plain;
    }
    if (tag == "tag:yaml.org,2002:int" && plain.kind == NodeKind::integer) return plain;
    if (tag == "tag:yaml.org,2002:bool" && plain.kind == NodeKind::boolean) return plain;
    if (tag == "tag:yaml.org,2002:null") return ConfigNode::make_null();
    fail("yaml_tag", node, fmt::format("tag {} is unknown or does not fit '{}'; leave it out", tag, text));
  }

  ConfigKey read_key(const YAML::Node& node) const {
    if (!node.IsScalar()) fail("key_type", node, "a key must be text, a number or true/false");
    const ConfigNode key = read_scalar(node);
    if (key.is_null())
      fail("key_type", node, "null cannot be a key; write it in quotes if the text is meant");
    return {key.kind, key.kind == NodeKind::boolean ? (key.boolean ? "true" : "false") : spell(key)};
  }

  ConfigNode read_mapping(const YAML::Node& node, int depth) {
    ConfigNode result = ConfigNode::make_mapping();
    std::vector<ConfigNode> merged;  // sources of `<<`
    KeyIndex keys(result);
    for (const auto& pair : node) {
      if (pair.first.IsScalar() && pair.first.Tag() == "?" && pair.first.Scalar() == "<<") {
        ConfigNode source = read(pair.second, depth + 1);
        if (source.is_list()) {
          for (ConfigNode& item : source.items) merged.push_back(std::move(item));
        } else {
          merged.push_back(std::move(source));
        }
        continue;
      }
      ConfigKey key = read_key(pair.first);
      if (const auto first = keys.find(key))
        fail("yaml_duplicate_key", pair.first,
             fmt::format("key {} is there already, at line {}; keep one of the two", key.text,
                         result.entries[*first].second.origin.line));
      keys.add(key);
      ConfigNode value = read(pair.second, depth + 1);
      value.origin = place(pair.first);
      result.entries.emplace_back(std::move(key), std::move(value));
    }
    // Merged keys stand before the mapping's own ones; the mapping wins over them, an earlier source over a
    // later one.
    if (!merged.empty()) result = merge_below(std::move(result), merged, node);
    return result;
  }

  ConfigNode merge_below(ConfigNode own, const std::vector<ConfigNode>& sources,
                         const YAML::Node& node) const {
    ConfigNode result = ConfigNode::make_mapping();
    for (const ConfigNode& source : sources) {
      if (!source.is_mapping()) fail("yaml_syntax", node, "<< takes a mapping or a list of mappings");
      for (const auto& [key, value] : source.entries) {
        if (!result.find(key)) result.entries.emplace_back(key, value);
      }
    }
    for (auto& [key, value] : own.entries) {
      if (ConfigNode* merged = result.find(key)) {
        *merged = std::move(value);
      } else {
        result.entries.emplace_back(std::move(key), std::move(value));
      }
    }
    return result;
  }

  std::string name_;
  int num_nodes_ = 0;
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

/// Two documents and no more are asked for: YAML::LoadAll makes documents without end of "[1], 2".
bool has_second_document(const std::string& content) {
  std::istringstream stream(content);
  YAML::Parser parser(stream);
  IgnoreEvents ignore;
  return parser.HandleNextDocument(ignore) && parser.HandleNextDocument(ignore);
}

/// Position of the first byte that is not UTF-8, or npos.
std::size_t find_invalid_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const std::size_t length = lead < 0x80   ? 1
                               : lead < 0xC2 ? 0
                               : lead < 0xE0 ? 2
                               : lead < 0xF0 ? 3
                               : lead < 0xF5 ? 4
                                             : 0;
    if (length == 0 || i + length > text.size()) return i;
    for (std::size_t k = 1; k < length; ++k)
      if ((static_cast<unsigned char>(text[i + k]) & 0xC0) != 0x80) return i;
    i += length;
  }
  return std::string_view::npos;
}

}  // namespace

ConfigNode read_plain_scalar(std::string_view plain) {
  const std::string text(plain);
  if (is_one_of(text, {"", "~", "null", "Null", "NULL"})) return ConfigNode::make_null();
  if (is_one_of(text, {"yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"})) {
    return ConfigNode::make_boolean(true);
  }
  if (is_one_of(text, {"no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"})) {
    return ConfigNode::make_boolean(false);
  }
  if (std::string_view("+-.0123456789").find(text.front()) != std::string_view::npos) {
    if (auto value = read_integer(text)) return *value;
    if (auto value = read_floating(text)) return *value;
  }
  return ConfigNode::make_text(text);
}

ConfigNode read_yaml(const std::string& content, const std::string& name) {
  if (const std::size_t bad = find_invalid_utf8(content); bad != std::string::npos) {
    const auto line =
        1 + std::count(content.begin(), content.begin() + static_cast<std::ptrdiff_t>(bad), '\n');
    throw CompositionError("yaml_syntax",
                           fmt::format("{}, line {}: is not UTF-8 (byte {})", name, line, bad));
  }
  YAML::Node document;
  bool has_more = false;
  try {
    document = YAML::Load(content);
    has_more = has_second_document(content);
  } catch (const YAML::Exception& error) {
    throw CompositionError("yaml_syntax",
                           fmt::format("{}, line {}: not YAML: {}", name, error.mark.line + 1, error.msg));
  }
  if (has_more) {
    throw CompositionError(
        "yaml_documents",
        fmt::format("{} holds more than one document, or text behind the first one; one is wanted", name));
  }
  return Reader(name).read(document, 0);
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
