#pragma once

#include "launch/config/node.hpp"

/// Python's conversions of single values, as int(), float(), str() and bool() of an override do them.
namespace gyrus {

/// Integers, floats and booleans, which Python counts among the numbers.
bool is_number(const ConfigNode& node);
double number_of(const ConfigNode& node);

/// Towards zero; of text: a decimal integer with blanks around it and single underscores between digits.
/// @throws CompositionError (override_function), as the others, for a value that cannot be converted
ConfigNode cast_to_int(const ConfigNode& node);
ConfigNode cast_to_float(const ConfigNode& node);
/// true and false in small letters.
ConfigNode cast_to_text(const ConfigNode& node);
/// Text must be true or false, in any case.
ConfigNode cast_to_boolean(const ConfigNode& node);

}  // namespace gyrus
