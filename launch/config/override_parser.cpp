// Recursive descent over the characters of one override; the grammar stands in the header.
#include "launch/config/override_parser.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "launch/config/scanner.hpp"

namespace gyrus {
namespace {

constexpr int max_depth = 100;

bool is_word_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}
bool is_blank(char c) {
  return c == ' ' || c == '\t';
}

std::string lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// Digits with single underscores between them.
bool take_digits(Scanner& scanner) {
  if (!scanner.take_one_of(Scanner::digits)) return false;
  while (true) {
    Scanner ahead = scanner;
    ahead.take("_");
    if (!ahead.take_one_of(Scanner::digits)) return true;
    scanner = ahead;
  }
}

/// 0, or digits that do not begin with 0.
bool take_integer(Scanner& scanner) {
  if (scanner.take("0")) return true;
  return !scanner.rest.starts_with('0') && take_digits(scanner);
}

bool looks_like_integer(std::string_view word) {
  Scanner scanner{word};
  scanner.take_one_of("+-");
  return take_integer(scanner) && scanner.at_end();
}

/// 5. .5 1.5 1e-4 1_0.5e+3
bool looks_like_floating(std::string_view word) {
  Scanner scanner{word};
  scanner.take_one_of("+-");
  const bool has_integer = take_integer(scanner);
  const bool has_point = scanner.take(".");
  const bool has_fraction = has_point && take_digits(scanner);
  if (!has_integer && !has_fraction) return false;
  if (!scanner.take_one_of("eE")) return has_point && scanner.at_end();
  scanner.take_one_of("+-");
  return take_digits(scanner) && scanner.at_end();
}

/// null, true, false and numbers have their types; everything else is text.
ConfigNode type_of_word(const std::string& word) {
  const std::string lowered = lower(word);
  if (lowered == "null") return ConfigNode::make_null();
  if (lowered == "true" || lowered == "false") return ConfigNode::make_boolean(lowered == "true");
  std::string digits = word;
  std::erase(digits, '_');
  if (looks_like_integer(word)) {
    std::int64_t value = 0;
    const char* begin = digits.data() + (digits.front() == '+' ? 1 : 0);
    if (std::from_chars(begin, digits.data() + digits.size(), value).ec == std::errc()) {
      return ConfigNode::make_integer(value);
    }
  }
  const bool has_sign = !lowered.empty() && (lowered.front() == '-' || lowered.front() == '+');
  const std::string unsigned_word = has_sign ? lowered.substr(1) : lowered;
  const double sign = has_sign && lowered.front() == '-' ? -1.0 : 1.0;
  if (unsigned_word == "inf")
    return ConfigNode::make_floating(sign * std::numeric_limits<double>::infinity());
  if (unsigned_word == "nan") return ConfigNode::make_floating(std::numeric_limits<double>::quiet_NaN());
  if (looks_like_floating(word)) return ConfigNode::make_floating(std::strtod(digits.c_str(), nullptr));
  return ConfigNode::make_text(word);
}

class ValueParser {
 public:
  /// @param nested  whether an unquoted interpolation may hold another one
  ValueParser(std::string_view text, std::size_t position, bool nested, const char* failure)
      : text_(text), position_(position), nested_(nested), failure_(failure) {}

  std::size_t position() const { return position_; }
  bool at_end() const { return position_ >= text_.size(); }
  char peek() const { return at_end() ? '\0' : text_[position_]; }
  void advance() { ++position_; }

  void skip_blanks() {
    while (!at_end() && is_blank(text_[position_])) ++position_;
  }

  [[noreturn]] void fail(const std::string& what, const char* kind = nullptr) const {
    throw CompositionError(kind ? kind : failure_,
                           fmt::format("'{}': {} at character {}", text_, what, position_ + 1));
  }

  /// @param stops  characters that end an unquoted word here
  ConfigNode element(std::string_view stops, int depth = 0) {
    if (depth > max_depth) fail("nested too deeply");
    skip_blanks();
    if (peek() == '\'' || peek() == '"') {
      ConfigNode node = quoted();
      node.always_text = nested_;
      skip_blanks();
      return node;
    }
    if (peek() == '[') return list(depth);
    if (peek() == '{') return mapping(depth);
    refuse_function();
    return primitive(stops);
  }

  /// The characters of an interpolation from "${" to its closing brace.
  std::string interpolation() {
    const std::size_t begin = position_;
    position_ += 2;
    int open = 1;
    char quote = '\0';
    for (; !at_end(); ++position_) {
      const char c = peek();
      if (quote != '\0') {
        if (c == '\\') ++position_;
        if (c == quote) quote = '\0';
        continue;
      }
      if (nested_ && (c == '\'' || c == '"')) quote = c;
      if (c == '{') {
        if (!nested_) fail("an interpolation inside an interpolation; put the whole value in quotes");
        ++open;
      }
      if (c == '}' && --open == 0) {
        ++position_;
        return std::string(text_.substr(begin, position_ - begin));
      }
    }
    position_ = begin;
    fail("an interpolation without its closing brace");
  }

 private:
  ConfigNode quoted() {
    const char quote = peek();
    const std::size_t begin = position_;
    std::string content;
    for (++position_; !at_end(); ++position_) {
      const char c = peek();
      if (c == quote) {
        ++position_;
        return ConfigNode::make_text(content);
      }
      if (c != '\\') {
        content += c;
        continue;
      }
      // Backslashes mean something only before the quote: each pair is one, a single one escapes the quote.
      std::size_t num_backslashes = 0;
      while (!at_end() && peek() == '\\') ++num_backslashes, ++position_;
      if (peek() == quote) {
        content.append(num_backslashes / 2, '\\');
        if (num_backslashes % 2 == 1) {
          content += quote;
          continue;
        }
      } else {
        content.append(num_backslashes, '\\');
      }
      --position_;  // the loop steps on
    }
    position_ = begin;
    fail("a quote without its partner");
  }

  ConfigNode list(int depth) {
    ConfigNode node = ConfigNode::make_list();
    advance();
    skip_blanks();
    while (peek() != ']') {
      node.items.push_back(element(",]", depth + 1));
      if (peek() == ',') {
        advance();
        skip_blanks();
        if (peek() == ']') fail("a list ends with a comma");
      } else if (peek() != ']') {
        fail("',' or ']' is wanted");
      }
    }
    advance();
    skip_blanks();
    return node;
  }

  ConfigNode mapping(int depth) {
    ConfigNode node = ConfigNode::make_mapping();
    advance();
    skip_blanks();
    while (peek() != '}') {
      const ConfigNode key = primitive(":,}");
      if (peek() != ':') fail("':' is wanted after a key");
      if (key.is_null()) fail("null cannot be a key");
      advance();
      ConfigNode value = element(",}", depth + 1);
      node.entries.emplace_back(
          ConfigKey(key.kind, key.kind == NodeKind::boolean ? (key.boolean ? "true" : "false") : spell(key)),
          std::move(value));
      if (peek() == ',') {
        advance();
        skip_blanks();
        if (peek() == '}') fail("a mapping ends with a comma");
      } else if (peek() != '}') {
        fail("',' or '}' is wanted");
      }
    }
    advance();
    skip_blanks();
    return node;
  }

  void refuse_function() {
    std::size_t end = position_;
    if (at_end() || !is_word_start(text_[end])) return;
    while (end < text_.size() && is_word(text_[end])) ++end;
    if (end >= text_.size() || text_[end] != '(') return;
    fail(fmt::format("{}() is not a function that values may use; quote the value if the text is meant",
                     text_.substr(position_, end - position_)),
         "override_function");
  }

  ConfigNode primitive(std::string_view stops) {
    std::string word;        // with escapes taken out and trailing blanks
    std::size_t length = 0;  // of `word` without its trailing unescaped blanks
    bool is_plain = true;    // no escape, no interpolation: may be a number
    skip_blanks();
    while (!at_end() && stops.find(peek()) == std::string_view::npos) {
      const char c = peek();
      if (c == '$' && text_.substr(position_).starts_with("${")) {
        word += interpolation();
        is_plain = false;
        length = word.size();
        continue;
      }
      if (c == '\\' && position_ + 1 < text_.size() &&
          std::string_view("\\()[]{}:=, \t").find(text_[position_ + 1]) != std::string_view::npos) {
        word += text_[position_ + 1];
        position_ += 2;
        is_plain = false;
        length = word.size();
        continue;
      }
      if (c == '\\' &&
          text_.substr(position_).starts_with("\\${")) {  // an escaped interpolation stays escaped
        word += '\\';
        advance();
        word += interpolation();
        is_plain = false;
        length = word.size();
        continue;
      }
      if (!is_word(c) && !is_blank(c) && std::string_view("/\\+.$%*@?|:").find(c) == std::string_view::npos) {
        fail(fmt::format("'{}' must stand in quotes", c));
      }
      word += c;
      if (!is_blank(c)) length = word.size();
      advance();
    }
    word.resize(length);
    return is_plain ? type_of_word(word) : ConfigNode::make_text(word);
  }

  std::string_view text_;
  std::size_t position_;
  bool nested_;
  const char* failure_;
};

/// Reads [+|++|~] key [@package] and returns the position behind it.
std::size_t parse_key(const std::string& text, Override& parsed) {
  std::size_t position = 0;
  if (text.starts_with("++")) {
    parsed.action = Override::Action::force_add;
    position = 2;
  } else if (text.starts_with("+")) {
    parsed.action = Override::Action::add;
    position = 1;
  } else if (text.starts_with("~")) {
    parsed.action = Override::Action::remove;
    position = 1;
  }
  std::string* target = &parsed.key;
  for (; position < text.size() && text[position] != '='; ++position) {
    const char c = text[position];
    if (c == '@' && !parsed.has_package) {
      parsed.has_package = true;
      target = &parsed.package;
    } else if (is_word(c) || c == '.' || c == '/' || c == '$' || c == ':') {
      *target += c;
    } else {
      throw CompositionError("override_syntax",
                             fmt::format("override '{}': '{}' at character {} cannot stand in a key; "
                                         "list items are written sizes.0=1",
                                         text, c, position + 1));
    }
  }
  const bool ends_badly = parsed.key.empty() || parsed.key.front() == '.' || parsed.key.back() == '.' ||
                          parsed.key.find("..") != std::string::npos;
  if (ends_badly) {
    throw CompositionError("override_syntax",
                           fmt::format("override '{}' names no key; an override is written key=value", text));
  }
  return position;
}

}  // namespace

Override parse_override(const std::string& text) {
  Override parsed;
  parsed.text = text;
  std::size_t position = parse_key(text, parsed);
  if (position >= text.size()) {
    if (parsed.action == Override::Action::remove) return parsed;
    throw CompositionError("override_syntax",
                           fmt::format("override '{}' has no '='; it is written key=value", text));
  }
  parsed.has_value = true;
  ValueParser parser(text, position + 1, /*nested=*/false, "override_syntax");
  while (true) {
    const std::size_t begin = parser.position();
    ConfigNode value = parser.element(",");
    // Nothing behind the = is the empty text.
    parsed.choices.push_back(std::move(value));
    parsed.choice_texts.push_back(text.substr(begin, parser.position() - begin));
    if (parser.at_end()) break;
    if (parser.peek() != ',') parser.fail(fmt::format("'{}' was not expected", parser.peek()));
    parser.advance();
    if (parser.at_end()) parser.fail("a value is wanted after the comma");
  }
  for (ConfigNode& choice : parsed.choices) choice.set_origin({"override " + text, 0});
  return parsed;
}

ConfigNode parse_value(std::string_view text) {
  ValueParser parser(text, 0, /*nested=*/true, "interpolation_syntax");
  ConfigNode value = parser.element("");
  if (!parser.at_end()) parser.fail(fmt::format("'{}' was not expected", parser.peek()));
  return value;
}

}  // namespace gyrus
