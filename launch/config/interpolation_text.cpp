#include "launch/config/interpolation_text.hpp"

namespace gyrus {

std::string trim_blanks(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t") - begin + 1));
}

std::size_t find_interpolation_end(std::string_view text, std::size_t begin) {
  int open = 0;
  char quote = '\0';
  for (std::size_t i = begin + 1; i < text.size(); ++i) {
    const char c = text[i];
    if (quote != '\0') {
      if (c == '\\')
        ++i;
      else if (c == quote)
        quote = '\0';
      continue;
    }
    if (c == '\'' || c == '"') quote = c;
    if (c == '{') ++open;
    if (c == '}' && --open == 0) return i + 1;
  }
  return std::string_view::npos;
}

std::vector<std::string> split_resolver_arguments(std::string_view text) {
  std::vector<std::string> parts(1);
  int open = 0;
  char quote = '\0';
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\\' && i + 1 < text.size()) {
      parts.back() += c;
      parts.back() += text[++i];
      continue;
    }
    if (quote != '\0') {
      if (c == quote) quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
    } else if (c == '{' || c == '[') {
      ++open;
    } else if (c == '}' || c == ']') {
      --open;
    } else if (c == ',' && open == 0) {
      parts.emplace_back();
      continue;
    }
    parts.back() += c;
  }
  return parts;
}

std::size_t find_resolver_colon(std::string_view body) {
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (body[i] == ':') return i;
    if (body.compare(i, 2, "${") == 0) {
      const std::size_t end = find_interpolation_end(body, i);
      if (end == std::string::npos) return end;
      i = end - 1;
    }
  }
  return std::string::npos;
}

}  // namespace gyrus
