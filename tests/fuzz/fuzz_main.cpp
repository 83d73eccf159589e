// Feeds damaged inputs to the target's parser.   PROGRAM [NUM_INPUTS | SECONDSs [SEED]]
// The input that a crash happened with lies in the file that the last line names; equal arguments repeat a
// run.
#include <fmt/format.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <exception>
#include <limits>
#include <random>
#include <string_view>

#include "launch/error.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view special_characters("\0\xff\n'\"[]{}(),:=$~+.\\ 09-", 23);

class Mutator {
 public:
  Mutator(const std::vector<std::string>& seeds, std::uint64_t seed) : seeds_(seeds), random_(seed) {}

  std::string next() {
    std::string input = pick(seeds_);
    for (std::size_t i = 0, rounds = below(8); i < rounds; ++i) damage(input);
    return input;
  }

 private:
  std::size_t below(std::size_t bound) { return bound == 0 ? 0 : random_() % bound; }
  const std::string& pick(const std::vector<std::string>& from) { return from[below(from.size())]; }

  void damage(std::string& input) {
    const std::size_t at = below(input.size() + 1),
                      length = below(std::min<std::size_t>(32, input.size()) + 1);
    switch (below(6)) {
      case 0:
        if (at < input.size()) input[at] = static_cast<char>(input[at] ^ (1 << below(8)));
        break;
      case 1:
        if (at < input.size()) input[at] = static_cast<char>(random_());
        break;
      case 2:
        input.erase(std::min(at, input.size()), length);
        break;
      case 3:
        input.insert(at, input.substr(below(input.size() + 1), length));
        break;
      case 4:
        input.insert(at, 1, special_characters[below(special_characters.size())]);
        break;
      default: {
        const std::string& other = pick(seeds_);
        input = input.substr(0, at) + other.substr(std::min(at, other.size()));
      }
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937_64 random_;
};

/// A parser that runs away must not take the machine's memory with it. Sanitizers reserve far more than they
/// use.
void limit_memory() {
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  const rlimit limit = {rlim_t{8} << 30, rlim_t{8} << 30};
  ::setrlimit(RLIMIT_AS, &limit);
#endif
}

struct Budget {
  std::size_t num_inputs;
  std::chrono::seconds time;

  bool allows(std::size_t input, std::chrono::steady_clock::time_point start) const {
    return input < num_inputs && std::chrono::steady_clock::now() - start < time;
  }
};

/// "20000", or "60s" for as many as a minute takes.
Budget budget_of(const std::string& text) {
  const bool is_time = text.ends_with('s');
  return {is_time ? std::numeric_limits<std::size_t>::max() : std::stoull(text),
          is_time ? std::chrono::seconds(std::stoull(text)) : std::chrono::hours(24)};
}

int run(const Budget& budget, std::uint64_t seed) {
  limit_memory();
  const Target target = make_target();
  Mutator mutator(target.seeds, seed);
  const fs::path last_input = scratch_file(".input");
  std::size_t accepted = 0, refused = 0;
  const auto start = std::chrono::steady_clock::now();
  for (std::size_t i = 0; budget.allows(i, start); ++i) {
    const std::string input = i < target.seeds.size() ? target.seeds[i] : mutator.next();
    write_input(last_input, input);
    try {
      target.parse(input);
      ++accepted;
    } catch (const Error& refusal) {
      ++refused;
      if (i < target.seeds.size()) {
        fmt::print("a right input was refused: {}\n", refusal.what());
        return 1;
      }
    } catch (const std::exception& escaped) {
      fmt::print("input {}: {} escaped; the input is in {}\n", i, escaped.what(), last_input.string());
      return 1;
    }
  }
  fs::remove(last_input);
  fmt::print("{} inputs: {} accepted, {} refused\n", accepted + refused, accepted, refused);
  return accepted > 0 && refused > 0 ? 0 : 1;
}

}  // namespace

}  // namespace gyrus::fuzz

int main(int argc, char** argv) {
  std::printf("on a crash, the input is in %s\n", gyrus::fuzz::scratch_file(".input").c_str());
  std::fflush(stdout);
  return gyrus::fuzz::run(gyrus::fuzz::budget_of(argc > 1 ? argv[1] : "20000"),
                          argc > 2 ? std::stoull(argv[2]) : 1);
}
