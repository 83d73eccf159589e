#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace gyrus {

enum class TokenKind {
  blank,
  comma,
  colon,
  equal,
  open_parenthesis,
  close_parenthesis,
  open_bracket,
  close_bracket,
  open_brace,
  close_brace,
  word,           // letters, digits, _ and -; begins with a letter or _
  null,           // null in any case
  boolean,        // true, false in any case
  integer,        // 0 -3 +4 1_000
  floating,       // .5 5. 1e-4 inf nan
  character,      // one of / - \ + . $ % * @ ? |
  escape,         // \\ \( \) \[ \] \{ \} \: \= \, backslash-blank, one or several
  quoted,         // with its quotes
  interpolation,  // ${ ... }
  end
};

struct Token {
  TokenKind kind;
  std::string_view text;  // of the whole text, so &text.back() - &whole.front() is a position
  std::size_t position;
};

/// The tokens of the value of an override, from position `begin` of `text`, then `end`. The longest token
/// wins; punctuation takes the blanks around it as hydra-core 1.3's lexer does, so that `f (x)` and `[ a , b
/// ]` are read.
/// @param nested  interpolations may hold quotes and further interpolations (arguments of resolvers); else
///                one ends at its first }
/// @throws CompositionError of `kind`, naming the character that no token can begin with
std::vector<Token> tokenize_value(std::string_view text, std::size_t begin, bool nested, const char* kind);

}  // namespace gyrus
