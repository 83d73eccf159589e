#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/node.hpp"

namespace gyrus {

/// One override of the command line.
///
///   override = key "=" value | "+" key "=" value | "++" key "=" value | "~" key [ "=" value ]
///   key      = name { ("." | "/") name } [ "@" package ]
///   value    = element { "," element }            several elements are a sweep
///   element  = quoted | list | mapping | function | primitive
///   list     = "[" [ element { "," element } ] "]"
///   mapping  = "{" [ primitive ":" element { "," primitive ":" element } ] "}"
///   function = name "(" ... ")"                   refused: no function is known yet
///   quoted   = "'" ... "'" | '"' ... '"'          always text; a backslash escapes the quote
///   primitive = letters, digits, / - \ + . $ % * @ ? | : spaces, escapes (\, \= \( ...) and interpolations;
///              null, true, false and numbers have their types, all else is text
struct Override {
  enum class Action { set, add, force_add, remove };

  Action action = Action::set;
  std::string key;      // dotted path, or a group: words separated by /
  std::string package;  // behind the @
  bool has_package = false;
  bool has_value = false;
  std::vector<ConfigNode> choices;        // one for a plain value, several for a sweep
  std::vector<std::string> choice_texts;  // the choices as they were written
  std::string text;                       // the override as it was written

  const ConfigNode& value() const { return choices.front(); }
  /// key@package, as messages name it.
  std::string key_with_package() const { return has_package ? key + "@" + package : key; }
};

/// @throws CompositionError (override_syntax, override_function) with the override and the position
Override parse_override(const std::string& text);

/// The value grammar alone, as resolvers' arguments and oc.decode use it: interpolations may nest.
/// @throws CompositionError (interpolation_syntax)
ConfigNode parse_value(std::string_view text);

}  // namespace gyrus
