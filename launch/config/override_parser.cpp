// Recursive descent over the tokens of one override; the grammar stands in the header.
#include "launch/config/override_parser.hpp"

#include <fmt/format.h>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <limits>

#include "launch/config/override_lexer.hpp"
#include "launch/config/scanner.hpp"

namespace gyrus {
namespace {

constexpr int max_depth = 100;

std::string unescaped(std::string_view escapes) {
  std::string text;
  for (std::size_t i = 1; i < escapes.size(); i += 2) text += escapes[i];
  return text;
}

/// Takes the quotes away. Backslashes mean something only before a quote: each pair is one, a single one
/// escapes the quote.
std::string unquoted(std::string_view text) {
  const char quote = text.front();
  std::string content;
  for (std::size_t i = 1; i + 1 < text.size();) {
    std::size_t num_backslashes = 0;
    while (text[i + num_backslashes] == '\\') ++num_backslashes;
    i += num_backslashes;
    if (text[i] != quote) {
      content.append(num_backslashes, '\\');
      if (num_backslashes == 0) content += text[i++];
      continue;
    }
    content.append(num_backslashes / 2, '\\');
    if (num_backslashes % 2 == 1) content += text[i++];
  }
  return content;
}

ConfigNode integer_of(std::string_view token) {
  std::string digits(token);
  std::erase(digits, '_');
  std::int64_t value = 0;
  const char* begin = digits.data() + (digits.front() == '+' ? 1 : 0);
  if (std::from_chars(begin, digits.data() + digits.size(), value).ec == std::errc())
    return ConfigNode::make_integer(value);
  return ConfigNode::make_floating(std::strtod(digits.c_str(), nullptr));  // beyond 64 bits
}

ConfigNode floating_of(std::string_view token) {
  std::string digits(token);
  std::erase(digits, '_');
  return ConfigNode::make_floating(std::strtod(digits.c_str(), nullptr));
}

/// The node that a single token stands for.
ConfigNode node_of(const Token& token) {
  switch (token.kind) {
    case TokenKind::null:
      return ConfigNode::make_null();
    case TokenKind::boolean:
      return ConfigNode::make_boolean(token.text.size() == 4);  // true, and false has five letters
    case TokenKind::integer:
      return integer_of(token.text);
    case TokenKind::floating:
      return floating_of(token.text);
    case TokenKind::escape:
      return ConfigNode::make_text(unescaped(token.text));
    default:
      return ConfigNode::make_text(std::string(token.text));
  }
}

ConfigKey key_of(const ConfigNode& node) {
  if (node.kind == NodeKind::boolean) return {node.kind, node.boolean ? "true" : "false"};
  return {node.is_missing() ? NodeKind::text : node.kind, spell(node)};
}

class ValueParser {
 public:
  /// @param in_resolver  the grammar of resolvers' arguments
  ValueParser(std::string_view text, std::size_t begin, bool in_resolver, const char* failure)
      : text_(text),
        in_resolver_(in_resolver),
        failure_(failure),
        tokens_(tokenize_value(text, begin, in_resolver, failure)) {}

  /// The whole value of an override.
  OverrideValue value() {
    if (kind() == TokenKind::end) return ConfigNode::make_text("");
    OverrideValue first = element(0);
    if (kind() == TokenKind::end) return first;
    Sweep sweep;
    sweep.is_simple = true;
    sweep.values.push_back(single(first));
    while (kind() == TokenKind::comma) {
      advance();
      sweep.values.push_back(single(element(0)));
    }
    expect_end();
    return sweep;
  }

  /// The whole argument of a resolver.
  ConfigNode argument() {
    if (kind() == TokenKind::end) return ConfigNode::make_text("");
    const ConfigNode node = single(element(0));
    expect_end();
    return node;
  }

 private:
  const Token& token() const { return tokens_[next_]; }
  TokenKind kind() const { return token().kind; }
  TokenKind kind_after() const { return kind() == TokenKind::end ? TokenKind::end : tokens_[next_ + 1].kind; }
  void advance() { ++next_; }

  [[noreturn]] void fail(const std::string& what, const char* kind = nullptr) const {
    const std::size_t nested = text_.find("${", std::min(text_.find("${"), text_.size() - 1) + 1);
    const bool may_be_nested = !in_resolver_ && !kind && nested != std::string_view::npos;
    throw CompositionError(
        kind ? kind : failure_,
        fmt::format(
            "'{}': {} at character {}{}", text_, what, token().position + 1,
            may_be_nested ? "; an interpolation inside an interpolation needs quotes around the value" : ""));
  }
  [[noreturn]] void fail_unexpected(const char* wanted) const {
    fail(kind() == TokenKind::end ? fmt::format("{} is wanted", wanted)
                                  : fmt::format("{} is wanted, not '{}'", wanted, token().text));
  }
  void expect_end() const {
    if (kind() != TokenKind::end) fail_unexpected("the end or a comma");
  }

  /// A sweep stands for the whole value; it cannot be a part of one.
  ConfigNode single(const OverrideValue& value) const {
    if (const auto* node = std::get_if<ConfigNode>(&value)) return *node;
    fail(fmt::format("{} cannot stand inside another value", std::get<Sweep>(value).kind_name()),
         "override_function");
  }

  OverrideValue element(int depth) {
    if (depth > max_depth) fail("nested too deeply");
    switch (kind()) {
      case TokenKind::quoted:
        return quoted();
      case TokenKind::open_bracket:
        return list(depth);
      case TokenKind::open_brace:
        return mapping(depth);
      case TokenKind::word:
        if (kind_after() == TokenKind::open_parenthesis && !in_resolver_) return function(depth);
        return primitive(/*is_key=*/false);
      default:
        return primitive(/*is_key=*/false);
    }
  }

  ConfigNode quoted() {
    ConfigNode node = ConfigNode::make_text(unquoted(token().text));
    node.quote = token().text.front();
    advance();
    if (kind() == TokenKind::blank && in_resolver_) advance();
    return node;
  }

  ConfigNode list(int depth) {
    ConfigNode node = ConfigNode::make_list();
    advance();
    if (kind() != TokenKind::close_bracket) {
      node.items.push_back(single(element(depth + 1)));
      while (kind() == TokenKind::comma) {
        advance();
        node.items.push_back(single(element(depth + 1)));
      }
    }
    if (kind() != TokenKind::close_bracket) fail_unexpected("',' or ']'");
    advance();
    return node;
  }

  ConfigNode mapping(int depth) {
    ConfigNode node = ConfigNode::make_mapping();
    advance();
    if (kind() != TokenKind::close_brace) {
      entry(node, depth);
      while (kind() == TokenKind::comma) {
        advance();
        entry(node, depth);
      }
    }
    if (kind() != TokenKind::close_brace) fail_unexpected("',' or '}'");
    advance();
    return node;
  }

  void entry(ConfigNode& mapping, int depth) {
    const ConfigNode key = primitive(/*is_key=*/true);
    if (key.is_null()) fail("null cannot be a key", "key_type");
    if (kind() != TokenKind::colon) fail_unexpected("':'");
    advance();
    const ConfigKey name = key_of(key);
    ConfigNode value = single(element(depth + 1));
    if (ConfigNode* known = mapping.find(name))
      *known = std::move(value);  // the last one counts
    else
      mapping.entries.emplace_back(name, std::move(value));
  }

  OverrideValue function(int depth) {
    const std::size_t begin = token().position;
    FunctionCall call;
    call.name = token().text;
    advance();
    do {
      advance();  // over the parenthesis or the comma
      if (kind() == TokenKind::close_parenthesis && call.arguments.empty() && call.named.empty()) break;
      std::string name;
      if (kind() == TokenKind::word && kind_after() == TokenKind::equal) {
        name = token().text;
        advance();
        advance();
      } else if (!call.named.empty()) {
        fail("an argument without a name stands behind one with a name", "override_function");
      }
      OverrideValue value = element(depth + 1);
      if (auto* node = std::get_if<ConfigNode>(&value)) node->quote = '\0';
      if (name.empty())
        call.arguments.push_back(std::move(value));
      else
        call.named.emplace_back(name, std::move(value));
    } while (kind() == TokenKind::comma);
    if (kind() != TokenKind::close_parenthesis) fail_unexpected("',' or ')'");
    const std::size_t end = token().position + token().text.size();
    try {
      OverrideValue result = call_function(call);
      advance();
      return result;
    } catch (const CompositionError& error) {
      throw CompositionError(
          error.kind, fmt::format("'{}': {}: {}", text_, text_.substr(begin, end - begin), error.what()));
    }
  }

  bool is_part_of_primitive(bool is_key) const {
    switch (kind()) {
      case TokenKind::word:
      case TokenKind::null:
      case TokenKind::boolean:
      case TokenKind::integer:
      case TokenKind::floating:
      case TokenKind::character:
      case TokenKind::escape:
      case TokenKind::blank:
        return true;
      case TokenKind::colon:
      case TokenKind::interpolation:
        return !is_key;
      default:
        return false;
    }
  }

  ConfigNode primitive(bool is_key) {
    std::size_t first = next_;
    while (is_part_of_primitive(is_key)) advance();
    std::size_t last = next_;
    if (first < last && tokens_[first].kind == TokenKind::blank) ++first;
    if (first < last && tokens_[last - 1].kind == TokenKind::blank) --last;
    if (first == last) fail_unexpected(is_key ? "a key" : "a value");
    if (last - first == 1) return node_of(tokens_[first]);
    std::string text;
    for (std::size_t i = first; i < last; ++i)
      text +=
          tokens_[i].kind == TokenKind::escape ? unescaped(tokens_[i].text) : std::string(tokens_[i].text);
    return ConfigNode::make_text(text);
  }

  std::string_view text_;
  bool in_resolver_;
  const char* failure_;
  std::vector<Token> tokens_;
  std::size_t next_ = 0;
};

// ----------------------------------------------------------------------------------------------------------
// keys

constexpr std::string_view word_characters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";

bool take_name(Scanner& scanner, bool may_hold_dollar) {
  if (scanner.at_end()) return false;
  const char c = scanner.rest.front();
  if (!std::isalpha(static_cast<unsigned char>(c)) && c != '_' && !(c == '$' && may_hold_dollar))
    return false;
  while (scanner.take_one_of(word_characters) || (may_hold_dollar && scanner.take("$"))) {
  }
  return true;
}

bool take_position(Scanner& scanner) {
  if (scanner.take("0")) return true;
  return scanner.take_all_of(Scanner::digits) > 0;
}

/// name { "." ( name | position ) }; before a dot a position may come first.
bool take_dotted(Scanner& scanner) {
  const bool begins_with_name = take_name(scanner, true);
  if (!begins_with_name && (!take_position(scanner) || !scanner.rest.starts_with('.'))) return false;
  while (scanner.take("."))
    if (!take_name(scanner, true) && !take_position(scanner)) return false;
  return true;
}

bool take_group(Scanner& scanner) {
  if (!take_name(scanner, false) || !scanner.rest.starts_with('/')) return false;
  while (scanner.take("/"))
    if (!take_name(scanner, false)) return false;
  return true;
}

/// Reads [+|++|~] key [@package] and returns the position behind it.
std::size_t parse_key(const std::string& text, Override& parsed) {
  Scanner scanner{text};
  if (scanner.take("++"))
    parsed.action = Override::Action::force_add;
  else if (scanner.take("+"))
    parsed.action = Override::Action::add;
  else if (scanner.take("~"))
    parsed.action = Override::Action::remove;
  const std::string_view at_key = scanner.rest;
  Scanner group = scanner;
  const bool is_group = take_group(group);
  const bool is_key = is_group || take_dotted(scanner);
  if (is_group) scanner = group;
  parsed.key = at_key.substr(0, at_key.size() - scanner.rest.size());
  if (is_key && scanner.take("@")) {
    parsed.has_package = true;
    const std::string_view at_package = scanner.rest;
    take_dotted(scanner);  // the empty package is the root
    parsed.package = at_package.substr(0, at_package.size() - scanner.rest.size());
  }
  if (!is_key || (!scanner.at_end() && !scanner.rest.starts_with('='))) {
    const std::size_t position = text.size() - scanner.rest.size();
    throw CompositionError(
        "override_syntax",
        position < text.size()
            ? fmt::format("override '{}': '{}' at character {} cannot stand in a key; an override is written "
                          "key=value, an item of a list sizes.0=1",
                          text, text[position], position + 1)
            : fmt::format("override '{}' names no key; an override is written key=value", text));
  }
  return text.size() - scanner.rest.size();
}

}  // namespace

std::string Override::value_text() const {
  const std::size_t equal = text.find('=');
  return equal == std::string::npos ? "" : text.substr(equal + 1);
}

std::string Override::key_with_prefix() const {
  const char* prefix = action == Action::add         ? "+"
                       : action == Action::force_add ? "++"
                       : action == Action::remove    ? "~"
                                                     : "";
  return prefix + key_with_package();
}

Override parse_override(const std::string& text) {
  Override parsed;
  parsed.text = text;
  const std::size_t position = parse_key(text, parsed);
  if (position >= text.size()) {
    if (parsed.action == Override::Action::remove) return parsed;
    throw CompositionError("override_syntax",
                           fmt::format("override '{}' has no '='; it is written key=value", text));
  }
  parsed.has_value = true;
  parsed.content = ValueParser(text, position + 1, /*in_resolver=*/false, "override_syntax").value();
  const Origin origin{"override " + text, 0};
  if (parsed.is_sweep())
    for (ConfigNode& choice : std::get<Sweep>(parsed.content).values) choice.set_origin(origin);
  else
    std::get<ConfigNode>(parsed.content).set_origin(origin);
  return parsed;
}

ConfigNode parse_value(std::string_view text) {
  return ValueParser(text, 0, /*in_resolver=*/true, "interpolation_syntax").argument();
}

}  // namespace gyrus
