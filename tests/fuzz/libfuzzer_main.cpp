// The driver of the preset `fuzz`: Clang's libFuzzer damages inputs so that they reach code that was not
// reached before.   PROGRAM [-max_total_time=SECONDS] [-runs=N] [FOLDER of more inputs]
#include <fmt/format.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "launch/error.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

std::uint64_t num_accepted = 0, num_refused = 0;

const Target& target() {
  static const Target made = make_target();
  return made;
}

/// A parser that accepts everything, or nothing, was not tested.
void report() {
  fmt::print("{} accepted, {} refused\n", num_accepted, num_refused);
  std::fflush(stdout);
  std::filesystem::remove_all(scratch_file(".seeds"));
  if (num_accepted == 0 || num_refused == 0) ::_exit(1);
}

void try_input(const std::string& input) {
  try {
    target().parse(input);
    ++num_accepted;
  } catch (const Error&) {
    ++num_refused;
  }
}

}  // namespace
}  // namespace gyrus::fuzz

/// Gives libFuzzer the target's right inputs as the corpus to start from.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  using namespace gyrus::fuzz;
  static std::string folder = scratch_file(".seeds").string();
  std::filesystem::create_directories(folder);
  for (std::size_t i = 0; i < target().seeds.size(); ++i)
    write_input(std::filesystem::path(folder) / std::to_string(i), target().seeds[i]);
  static std::vector<char*> arguments(*argv, *argv + *argc);
  arguments.push_back(folder.data());
  arguments.push_back(nullptr);
  *argc = static_cast<int>(arguments.size()) - 1;
  *argv = arguments.data();
  std::atexit(report);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  gyrus::fuzz::try_input(std::string(reinterpret_cast<const char*>(bytes), size));
  return 0;
}
