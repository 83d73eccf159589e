#include "launch/config/casts.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <optional>

namespace gyrus {
namespace {

/// Python accepts blanks around a number and single underscores between its digits.
std::optional<std::string> python_number(const std::string& text) {
  const std::size_t begin = text.find_first_not_of(" \t\r\n");
  if (begin == std::string::npos) return {};
  std::string digits;
  for (std::size_t i = begin; i <= text.find_last_not_of(" \t\r\n"); ++i) {
    const auto is_digit = [&](std::size_t at) {
      return at < text.size() && std::isdigit(static_cast<unsigned char>(text[at])) != 0;
    };
    if (text[i] != '_')
      digits += text[i];
    else if (i == 0 || !is_digit(i - 1) || !is_digit(i + 1))
      return {};
  }
  return digits;
}

[[noreturn]] void cannot_cast(const ConfigNode& node, const char* type) {
  throw CompositionError("override_function", fmt::format("{} cannot become {}", describe_value(node), type));
}

}  // namespace

bool is_number(const ConfigNode& node) {
  return node.kind == NodeKind::integer || node.kind == NodeKind::floating || node.kind == NodeKind::boolean;
}

double number_of(const ConfigNode& node) {
  if (node.kind == NodeKind::boolean) return node.boolean ? 1.0 : 0.0;
  return node.kind == NodeKind::integer ? static_cast<double>(node.integer) : node.floating;
}

ConfigNode cast_to_int(const ConfigNode& node) {
  if (node.kind == NodeKind::boolean) return ConfigNode::make_integer(node.boolean ? 1 : 0);
  if (node.kind == NodeKind::integer) return node;
  if (node.kind == NodeKind::floating && std::abs(node.floating) < 0x1p63)
    return ConfigNode::make_integer(static_cast<std::int64_t>(node.floating));
  if (node.is_text()) {
    const auto digits = python_number(node.text);
    std::int64_t value = 0;
    if (digits) {
      const char* begin = digits->data() + (digits->starts_with('+') ? 1 : 0);
      const auto [end, error] = std::from_chars(begin, digits->data() + digits->size(), value);
      const bool has_two_signs = digits->starts_with("+-");
      if (error == std::errc() && end == digits->data() + digits->size() && !has_two_signs)
        return ConfigNode::make_integer(value);
    }
  }
  cannot_cast(node, "an integer");
}

ConfigNode cast_to_float(const ConfigNode& node) {
  if (is_number(node)) return ConfigNode::make_floating(number_of(node));
  if (node.is_text()) {
    const auto digits = python_number(node.text);
    // strtod also takes hexadecimal numbers and nan(...), which Python does not.
    const bool is_plain = digits && digits->find_first_of("xXpP(") == std::string::npos;
    char* end = nullptr;
    const double value = is_plain ? std::strtod(digits->c_str(), &end) : 0.0;
    if (is_plain && !digits->empty() && end == digits->data() + digits->size())
      return ConfigNode::make_floating(value);
  }
  cannot_cast(node, "a float");
}

ConfigNode cast_to_text(const ConfigNode& node) {
  if (node.is_text()) return ConfigNode::make_text(node.text);
  if (node.kind == NodeKind::boolean) return ConfigNode::make_text(node.boolean ? "true" : "false");
  if (is_number(node)) return ConfigNode::make_text(spell(node));
  cannot_cast(node, "text");
}

ConfigNode cast_to_boolean(const ConfigNode& node) {
  if (node.is_null()) return ConfigNode::make_boolean(false);
  if (is_number(node)) return ConfigNode::make_boolean(number_of(node) != 0.0);
  std::string text = node.text;
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (node.is_text() && (text == "true" || text == "false")) return ConfigNode::make_boolean(text == "true");
  cannot_cast(node, "true or false");
}

}  // namespace gyrus
