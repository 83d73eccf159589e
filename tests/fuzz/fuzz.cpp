#include "tests/fuzz/fuzz.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <fstream>

namespace gyrus::fuzz {

std::filesystem::path scratch_file(const std::string& suffix) {
  return std::filesystem::temp_directory_path() / fmt::format("gyrus_fuzz_{}{}", ::getpid(), suffix);
}

void write_input(const std::filesystem::path& file, const std::string& content) {
  std::ofstream(file, std::ios::binary) << content;
}

std::function<void(const std::string&)> through_file(
    const std::string& suffix, std::function<void(const std::filesystem::path&)> parse) {
  return [file = scratch_file(suffix), parse = std::move(parse)](const std::string& input) {
    write_input(file, input);
    parse(file);
  };
}

}  // namespace gyrus::fuzz
