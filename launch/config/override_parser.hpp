#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "launch/config/node.hpp"
#include "launch/config/override_functions.hpp"

namespace gyrus {

// clang-format off
/// One override of the command line, in the grammar of hydra-core 1.3:
///
///   override  = key "=" [ value ] | "+" key "=" [ value ] | "++" key "=" [ value ]
///             | "~" key [ "=" [ value ] ]
///   key       = ( dotted | name { "/" name } ) [ "@" [ dotted ] ]
///   dotted    = name { "." ( name | integer ) }
///   value     = element { "," element }             several elements are a sweep
///   element   = primitive | quoted | list | mapping | function
///   list      = "[" [ element { "," element } ] "]"
///   mapping   = "{" [ primitive ":" element { "," primitive ":" element } ] "}"
///   function  = name "(" [ argument { "," argument } ] ")"
///   argument  = [ name "=" ] element                the named ones last
///   quoted    = "'" ... "'" | '"' ... '"'           always text; a backslash escapes the quote
///   primitive = one or more of: name, number, null, true, false, blank, interpolation, escape,
///               and / - \ + . $ % * @ ? | :         one token alone has its type, several are text;
///                                                   without : and interpolations where it is a key
///   escape    = a backslash before \ ( ) [ ] { } : = , blank or tab
///
/// Tokens are those of override_lexer.hpp.
// clang-format on
struct Override {
  enum class Action { set, add, force_add, remove };

  Action action = Action::set;
  std::string key;      // dotted path, or a group: words separated by /
  std::string package;  // behind the @
  bool has_package = false;
  bool has_value = false;
  OverrideValue content;
  std::string text;  // the override as it was written

  bool is_sweep() const { return std::holds_alternative<Sweep>(content); }
  const Sweep& sweep() const { return std::get<Sweep>(content); }
  const ConfigNode& value() const { return std::get<ConfigNode>(content); }
  /// What stands behind the = as it was written.
  std::string value_text() const;
  /// key@package, as messages name it.
  std::string key_with_package() const { return has_package ? key + "@" + package : key; }
  /// The same with + ++ or ~ before it.
  std::string key_with_prefix() const;
  /// Of the keys that are Hydra's own and not the program's.
  bool is_of_hydra() const {
    return key == "hydra" || key.starts_with("hydra.") || key.starts_with("hydra/");
  }
};

/// @throws CompositionError (override_syntax, override_function) with the override and the position
Override parse_override(const std::string& text);

/// The value grammar alone, as resolvers' arguments and oc.decode use it: interpolations may nest, there are
/// no functions. @throws CompositionError (interpolation_syntax)
ConfigNode parse_value(std::string_view text);

}  // namespace gyrus
