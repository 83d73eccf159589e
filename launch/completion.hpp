#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "launch/command_line.hpp"
#include "launch/config/fields.hpp"

namespace gyrus {

/// `gyrus completion bash|zsh|fish`: prints the shell's script. The script asks `gyrus completion words --
/// WORD
/// ...` for what may follow: verbs, their commands and flags, groups with their options, keys with their
/// choices. Where nothing is known the shell offers file names. @throws ConfigError
int completion_verb(const std::vector<std::string>& arguments, std::span<const Verb> verbs,
                    const std::function<void(Fields&)>& visit_all_options);

/// The words that may stand in the place of the last one of `words` (those after `gyrus`), sorted.
std::vector<std::string> complete_words(const std::vector<std::string>& words, std::span<const Verb> verbs,
                                        const std::function<void(Fields&)>& visit_all_options);

}  // namespace gyrus
