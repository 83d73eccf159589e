#include "launch/config/node.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <numeric>

namespace gyrus {

ConfigNode ConfigNode::with_kind(NodeKind kind) {
  ConfigNode node;
  node.kind = kind;
  return node;
}

ConfigNode ConfigNode::make_boolean(bool value) {
  ConfigNode node = with_kind(NodeKind::boolean);
  node.boolean = value;
  return node;
}

ConfigNode ConfigNode::make_integer(std::int64_t value) {
  ConfigNode node = with_kind(NodeKind::integer);
  node.integer = value;
  return node;
}

ConfigNode ConfigNode::make_floating(double value) {
  ConfigNode node = with_kind(NodeKind::floating);
  node.floating = value;
  return node;
}

ConfigNode ConfigNode::make_text(std::string value) {
  ConfigNode node = with_kind(value == "???" ? NodeKind::missing : NodeKind::text);
  node.text = std::move(value);
  return node;
}

const ConfigNode* ConfigNode::find(const ConfigKey& key) const {
  for (const auto& [name, value] : entries) {
    if (name == key) return &value;
  }
  return nullptr;
}

ConfigNode* ConfigNode::find(const ConfigKey& key) {
  return const_cast<ConfigNode*>(std::as_const(*this).find(key));
}

KeyIndex::KeyIndex(const ConfigNode& mapping) {
  places_.reserve(mapping.entries.size());
  for (const auto& [key, value] : mapping.entries) add(key);
}

void KeyIndex::add(const ConfigKey& key) {
  places_.emplace(name_of(key), places_.size());
}

std::optional<std::size_t> KeyIndex::find(const ConfigKey& key) const {
  const auto found = places_.find(name_of(key));
  return found == places_.end() ? std::nullopt : std::optional(found->second);
}

std::string KeyIndex::name_of(const ConfigKey& key) {
  return static_cast<char>('0' + static_cast<int>(key.kind)) + key.text;  // 1 and "1" are different keys
}

const ConfigNode* ConfigNode::find_path(std::string_view path) const {
  const ConfigNode* node = this;
  if (path.empty()) return node;
  for (const std::string& key : split(path, '.')) {
    if (node->is_list()) {
      const auto index = list_position(*node, key);
      node = index ? &node->items[*index] : nullptr;
    } else {
      node = node->find(key);
    }
    if (!node) return nullptr;
  }
  return node;
}

void ConfigNode::erase(const ConfigKey& key) {
  std::erase_if(entries, [&](const auto& entry) { return entry.first == key; });
}

void ConfigNode::set_origin(const Origin& place) {
  origin = place;
  for (ConfigNode& item : items) item.set_origin(place);
  for (auto& [key, value] : entries) value.set_origin(place);
}

bool same_value(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind != b.kind) return false;
  switch (a.kind) {
    case NodeKind::null:
    case NodeKind::missing:
      return true;
    case NodeKind::boolean:
      return a.boolean == b.boolean;
    case NodeKind::integer:
      return a.integer == b.integer;
    case NodeKind::floating:
      if (std::isnan(a.floating) || std::isnan(b.floating))
        return std::isnan(a.floating) && std::isnan(b.floating);
      return a.floating == b.floating && std::signbit(a.floating) == std::signbit(b.floating);
    case NodeKind::text:
      return a.text == b.text;
    case NodeKind::list:
      return std::equal(a.items.begin(), a.items.end(), b.items.begin(), b.items.end(), same_value);
    case NodeKind::mapping:
      return std::equal(
          a.entries.begin(), a.entries.end(), b.entries.begin(), b.entries.end(),
          [](const auto& x, const auto& y) { return x.first == y.first && same_value(x.second, y.second); });
  }
  return false;
}

std::string spell_double(double value) {
  if (std::isnan(value)) return "nan";
  if (std::isinf(value)) return value < 0 ? "-inf" : "inf";
  std::string text = fmt::format("{}", value);
  if (text.find_first_of(".e") == std::string::npos) text += ".0";
  return text;
}

namespace {

/// Inside a list or mapping, text stands in quotes.
std::string spell_inside(const ConfigNode& node) {
  return node.is_text() ? "'" + node.text + "'" : spell(node);
}

std::string spell_key(const ConfigKey& key) {
  return key.kind == NodeKind::text ? "'" + key.text + "'" : key.text;
}

}  // namespace

std::string spell(const ConfigNode& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "None";
    case NodeKind::boolean:
      return node.boolean ? "True" : "False";
    case NodeKind::integer:
      return std::to_string(node.integer);
    case NodeKind::floating:
      return spell_double(node.floating);
    case NodeKind::text:
      return node.text;
    case NodeKind::missing:
      return "???";
    case NodeKind::list: {
      std::vector<std::string> parts;
      for (const ConfigNode& item : node.items) parts.push_back(spell_inside(item));
      return fmt::format("[{}]", fmt::join(parts, ", "));
    }
    case NodeKind::mapping: {
      std::vector<std::string> parts;
      for (const auto& [key, value] : node.entries)
        parts.push_back(spell_key(key) + ": " + spell_inside(value));
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
    }
  }
  return {};
}

std::string shortened(std::string_view text) {
  constexpr std::size_t most = 200;
  if (text.size() <= most) return std::string(text);
  return fmt::format("{}... ({} characters)", text.substr(0, most), text.size());
}

std::string describe_value(const ConfigNode& node) {
  switch (node.kind) {
    case NodeKind::null:
      return "null";
    case NodeKind::boolean:
      return node.boolean ? "true" : "false";
    case NodeKind::integer:
    case NodeKind::floating:
      return "the number " + spell(node);
    case NodeKind::text:
      return "the text '" + shortened(node.text) + "'";
    case NodeKind::missing:
      return "a missing value";
    case NodeKind::list:
      return "a list";
    case NodeKind::mapping:
      return "a mapping";
  }
  return {};
}

std::optional<std::size_t> list_position(const ConfigNode& list, std::string_view key) {
  std::size_t index = 0;
  const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), index);
  const bool is_number = error == std::errc() && end == key.data() + key.size();
  return is_number && index < list.items.size() ? std::optional(index) : std::nullopt;
}

std::string join_path(std::string_view parent, std::string_view key) {
  if (parent.empty()) return std::string(key);
  return fmt::format("{}.{}", parent, key);
}

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (true) {
    const std::size_t end = text.find(separator);
    parts.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return parts;
    text.remove_prefix(end + 1);
  }
}

namespace {

/// Levenshtein's distance: insertions, deletions and replacements of single letters.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(const std::string& word, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t best = std::max<std::size_t>(2, word.size() / 3) + 1;
  for (const std::string& candidate : known) {
    // A word of two letters is near to every other one; do not guess then.
    if (const std::size_t distance = edit_distance(word, candidate);
        distance < best && distance < candidate.size()) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace gyrus
