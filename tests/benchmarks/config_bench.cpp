// Composing: the project's own tree, and files of 10,000 and 20,000 keys (the ratio shows that time grows with
// size alone). Best of several.   config_bench CONFIG_FOLDER
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "launch/config/config.hpp"

namespace {

namespace fs = std::filesystem;

double best_milliseconds(int repeats, const std::function<void()>& action) {
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const auto start = std::chrono::steady_clock::now();
    action();
    const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
    best = std::min(best, taken.count());
  }
  return best;
}

double compose(const fs::path& folder, const std::vector<std::string>& overrides, int repeats) {
  gyrus::ComposeRequest request;
  request.config_folder = folder;
  request.overrides = overrides;
  request.allow_new_keys = true;
  return best_milliseconds(repeats, [&] { gyrus::Config::compose(request); });
}

double compose_keys(const fs::path& folder, int num_keys) {
  std::ofstream file(folder / "config.yaml");
  for (int i = 0; i < num_keys; ++i) file << fmt::format("key_{}: {}\n", i, i);
  file.close();
  return compose(folder, {}, 5);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print("usage: config_bench CONFIG_FOLDER\n"), 2;
  const double own = compose(argv[1], {"experiment=quickstart", "trainer.optimizer.lr=1e-3"}, 50);
  const fs::path folder = fs::temp_directory_path() / fmt::format("gyrus_config_bench_{}", ::getpid());
  fs::create_directories(folder);
  const double small = compose_keys(folder, 10'000), large = compose_keys(folder, 20'000);
  fs::remove_all(folder);
  fmt::print("compose the project's tree: {:.2f} ms\n", own);
  fmt::print("compose 10,000 keys: {:.1f} ms; 20,000 keys take {:.2f} x that\n", small, large / small);
  return 0;
}
