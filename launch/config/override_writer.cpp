#include "launch/config/override_writer.hpp"

#include "launch/config/override_parser.hpp"

namespace gyrus {
namespace {

/// Backslashes before a quote or at the end are doubled, quotes escaped.
std::string quoted(const std::string& text, char quote) {
  std::string result(1, quote);
  std::size_t num_backslashes = 0;
  for (const char c : text) {
    if (c == quote) result.append(num_backslashes + 1, '\\');
    num_backslashes = c == '\\' ? num_backslashes + 1 : 0;
    result += c;
  }
  return result.append(num_backslashes, '\\') + quote;
}

std::string escaped(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (std::string_view("\\()[]{}:=, \t").find(c) != std::string_view::npos) result += '\\';
    result += c;
  }
  return result;
}

/// Whether `spelling` is read as this text where it is one item of a list.
bool reads_back(const std::string& spelling, const std::string& text) {
  try {
    const Override read = parse_override("list=[" + spelling + "]");
    const auto& items = read.value().items;
    return items.size() == 1 && items[0].is_text() && items[0].text == text;
  } catch (const CompositionError&) {
    return false;
  }
}

std::string spell_text(const ConfigNode& node) {
  if (node.quote != '\0') return quoted(node.text, node.quote);
  const std::string spelling = escaped(node.text);
  return reads_back(spelling, node.text) ? spelling : quoted(node.text, '\'');
}

template <class Items, class Spell>
std::string joined(const Items& items, const Spell& spell_one) {
  std::string text;
  for (const auto& item : items) text += (text.empty() ? "" : ",") + spell_one(item);
  return text;
}

std::string spell_key(const ConfigKey& key) {
  if (key.kind == NodeKind::boolean) return key.text == "true" ? "True" : "False";
  return key.kind == NodeKind::text ? escaped(key.text) : key.text;
}

std::string spell_item(const ConfigNode& value) {
  switch (value.kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::text:
      return spell_text(value);
    case NodeKind::list:
      return "[" + joined(value.items, spell_item) + "]";
    case NodeKind::mapping:
      return "{" +
             joined(
                 value.entries,
                 [](const auto& entry) { return spell_key(entry.first) + ":" + spell_item(entry.second); }) +
             "}";
    default:
      return spell(value);
  }
}

}  // namespace

std::string spell_override_value(const ConfigNode& value) {
  const bool is_empty = value.is_text() && value.text.empty() && value.quote == '\0';
  return is_empty ? "" : spell_item(value);
}

}  // namespace gyrus
