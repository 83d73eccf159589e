#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

/// Where interpolations begin and end in a text; what they mean is the resolver's business.
namespace gyrus {

std::string trim_blanks(std::string_view text);

/// Position behind the brace that closes the interpolation at `begin` ("${..."), or npos.
std::size_t find_interpolation_end(std::string_view text, std::size_t begin);

/// The colon between a resolver's name and its arguments in the body of an interpolation, outside nested
/// ones; npos: there is none, or a nested one does not end.
std::size_t find_resolver_colon(std::string_view body);

/// The arguments of a resolver: split at commas outside quotes, brackets and interpolations.
std::vector<std::string> split_resolver_arguments(std::string_view text);

}  // namespace gyrus
