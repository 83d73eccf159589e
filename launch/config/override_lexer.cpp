#include "launch/config/override_lexer.hpp"

#include <fmt/format.h>

#include <cctype>
#include <initializer_list>
#include <utility>

#include "launch/config/interpolation_text.hpp"
#include "launch/config/node.hpp"
#include "launch/config/scanner.hpp"

namespace gyrus {
namespace {

using Length = std::size_t;  // of a token at the front of a text; 0: there is none

bool is_word_start(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_';
}
bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-';
}

Length blanks_of(std::string_view text) {
  const std::size_t end = text.find_first_not_of(" \t");
  return end == std::string_view::npos ? text.size() : end;
}

/// Punctuation with the blanks that belong to it.
std::pair<TokenKind, Length> punctuation_of(std::string_view text) {
  const Length before = blanks_of(text);
  if (before == text.size()) return {TokenKind::blank, 0};
  const Length after = before + 1 + blanks_of(text.substr(before + 1));
  switch (text[before]) {
    case ',':
      return {TokenKind::comma, after};
    case ':':
      return {TokenKind::colon, after};
    case '=':
      return {TokenKind::equal, after};
    case '(':
      return {TokenKind::open_parenthesis, after};
    case ')':
      return {TokenKind::close_parenthesis, before + 1};
    case ']':
      return {TokenKind::close_bracket, before + 1};
    case '}':
      return {TokenKind::close_brace, before + 1};
    case '[':
      return {TokenKind::open_bracket, before == 0 ? after : 0};
    case '{':
      return {TokenKind::open_brace, before == 0 ? after : 0};
    default:
      return {TokenKind::blank, 0};
  }
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
bool take_whole(Scanner& scanner) {
  if (scanner.take("0")) return true;
  return !scanner.rest.starts_with('0') && take_digits(scanner);
}

Length integer_of(std::string_view text) {
  Scanner scanner{text};
  scanner.take_one_of("+-");
  return take_whole(scanner) ? text.size() - scanner.rest.size() : 0;
}

Length word_in_any_case(std::string_view text, std::initializer_list<std::string_view> words) {
  for (const std::string_view word : words) {
    if (text.size() < word.size()) continue;
    bool same = true;
    for (std::size_t i = 0; i < word.size(); ++i)
      same = same && std::tolower(static_cast<unsigned char>(text[i])) == word[i];
    if (same) return word.size();
  }
  return 0;
}

/// 5. .5 1.5 1e-4 1_0.5e+3 inf nan
Length floating_of(std::string_view text) {
  Scanner scanner{text};
  scanner.take_one_of("+-");
  if (const Length named = word_in_any_case(scanner.rest, {"inf", "nan"}); named > 0)
    return text.size() - scanner.rest.size() + named;
  const bool has_whole = take_whole(scanner);
  const bool has_point = scanner.take(".");
  const bool has_fraction = has_point && take_digits(scanner);
  if (!has_whole && !has_fraction) return 0;
  Scanner ahead = scanner;
  if (ahead.take_one_of("eE")) {
    ahead.take_one_of("+-");
    if (take_digits(ahead)) return text.size() - ahead.rest.size();
  }
  return has_point ? text.size() - scanner.rest.size() : 0;
}

Length word_of(std::string_view text) {
  if (!is_word_start(text.front())) return 0;
  Length length = 1;
  while (length < text.size() && is_word(text[length])) ++length;
  return length;
}

Length escape_of(std::string_view text) {
  Length length = 0;
  while (length + 1 < text.size() && text[length] == '\\' &&
         std::string_view("\\()[]{}:=, \t").find(text[length + 1]) != std::string_view::npos)
    length += 2;
  return length;
}

/// To the first quote of the same kind that has an even number of backslashes before it.
Length quoted_of(std::string_view text) {
  const char quote = text.front();
  if (quote != '\'' && quote != '"') return 0;
  std::size_t num_backslashes = 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == quote && num_backslashes % 2 == 0) return i + 1;
    num_backslashes = text[i] == '\\' ? num_backslashes + 1 : 0;
  }
  return 0;
}

Length interpolation_of(std::string_view text, bool nested) {
  if (!text.starts_with("${")) return 0;
  if (!nested) {
    const std::size_t end = text.find('}');
    return end == std::string_view::npos || end == 2 ? 0 : end + 1;
  }
  const std::size_t end = find_interpolation_end(text, 0);
  return end == std::string_view::npos ? 0 : end;
}

/// The first character, all bytes of its UTF-8.
std::string_view character_of(std::string_view text) {
  std::size_t length = 1;
  while (length < text.size() && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) ++length;
  return text.substr(0, length);
}

/// The longest token; of equally long ones the first in this order.
std::pair<TokenKind, Length> token_of(std::string_view text, bool nested) {
  const bool is_character = std::string_view("/-\\+.$%*@?|").find(text.front()) != std::string_view::npos;
  const std::pair<TokenKind, Length> candidates[] = {
      punctuation_of(text),
      {TokenKind::floating, floating_of(text)},
      {TokenKind::integer, integer_of(text)},
      {TokenKind::boolean, word_in_any_case(text, {"true", "false"})},
      {TokenKind::null, word_in_any_case(text, {"null"})},
      {TokenKind::character, is_character ? 1 : 0},
      {TokenKind::word, word_of(text)},
      {TokenKind::escape, escape_of(text)},
      {TokenKind::blank, blanks_of(text)},
      {TokenKind::quoted, quoted_of(text)},
      {TokenKind::interpolation, interpolation_of(text, nested)},
  };
  std::pair<TokenKind, Length> longest = {TokenKind::end, 0};
  for (const auto& candidate : candidates)
    if (candidate.second > longest.second) longest = candidate;
  return longest;
}

}  // namespace

std::vector<Token> tokenize_value(std::string_view text, std::size_t begin, bool nested, const char* kind) {
  std::vector<Token> tokens;
  std::size_t position = begin + blanks_of(text.substr(begin));
  while (position < text.size()) {
    const auto [token, length] = token_of(text.substr(position), nested);
    if (length == 0) {
      const std::string_view c = character_of(text.substr(position));
      throw CompositionError(kind, fmt::format("'{}': {} at character {} {}", text, c, position + 1,
                                               c == "'" || c == "\"" ? "is a quote without its partner"
                                                                     : "must stand in quotes"));
    }
    tokens.push_back({token, text.substr(position, length), position});
    position += length;
  }
  tokens.push_back({TokenKind::end, text.substr(text.size()), text.size()});
  return tokens;
}

}  // namespace gyrus
