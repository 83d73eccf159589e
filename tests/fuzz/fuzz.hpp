#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

/// Parsers against damaged input. A target gives inputs that are right, and the parser; the driver damages
/// the inputs: by chance (fuzz_main.cpp), or by what new code they reach (libfuzzer_main.cpp, preset fuzz). A
/// parser may accept what it gets or throw gyrus::Error; anything else is a failure.
namespace gyrus::fuzz {

struct Target {
  std::vector<std::string> seeds;
  std::function<void(const std::string& input)> parse;
};

/// Each fuzz program defines its own.
Target make_target();

/// A file of this process in the temporary folder.
std::filesystem::path scratch_file(const std::string& suffix);
void write_input(const std::filesystem::path& file, const std::string& content);

/// A parser of files as one of text: writes the input to a file of this process in the temporary folder.
std::function<void(const std::string&)> through_file(const std::string& suffix,
                                                     std::function<void(const std::filesystem::path&)> parse);

}  // namespace gyrus::fuzz
