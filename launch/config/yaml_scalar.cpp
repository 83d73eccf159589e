#include "launch/config/yaml_scalar.hpp"

#include <charconv>
#include <cstdlib>
#include <limits>
#include <optional>

#include "launch/config/scanner.hpp"

namespace gyrus {
namespace {

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

}  // namespace gyrus
