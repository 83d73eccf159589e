// Composing and binding the project's own tree; composing files of 10,000 and 20,000 keys (the ratio shows
// that time grows with size alone). Best of several.   config_bench CONFIG_FOLDER
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>

#include "launch/config/binder.hpp"
#include "launch/config/config.hpp"
#include "slurm/submit_options.hpp"
#include "trainer/options.hpp"

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

/// Composing, then filling every option of the program.
double compose_and_bind(const fs::path& folder) {
  gyrus::ComposeRequest request;
  request.config_folder = folder;
  request.overrides = {"experiment=quickstart", "trainer.optimizer.lr=1e-3"};
  request.allow_new_keys = true;
  return best_milliseconds(50, [&] {
    gyrus::Options options;
    gyrus::SubmitOptions submit;
    gyrus::SweepOptions sweep;
    gyrus::bind_fields(gyrus::Config::compose(request).root(), "", [&](gyrus::Fields& fields) {
      options.fields(fields);
      fields.group("submit", submit);
      fields.group("sweep", sweep);
    });
  });
}

double compose_keys(const fs::path& folder, int num_keys) {
  std::ofstream file(folder / "config.yaml");
  for (int i = 0; i < num_keys; ++i) file << fmt::format("key_{}: {}\n", i, i);
  file.close();
  gyrus::ComposeRequest request;
  request.config_folder = folder;
  return best_milliseconds(5, [&] { gyrus::Config::compose(request); });
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return fmt::print("usage: config_bench CONFIG_FOLDER\n"), 2;
  const double own = compose_and_bind(argv[1]);
  const fs::path folder = fs::temp_directory_path() / fmt::format("gyrus_config_bench_{}", ::getpid());
  fs::create_directories(folder);
  const double small = compose_keys(folder, 10'000), large = compose_keys(folder, 20'000);
  fs::remove_all(folder);
  fmt::print("compose and bind the project's tree: {:.2f} ms\n", own);
  fmt::print("compose 10,000 keys: {:.1f} ms; 20,000 keys take {:.2f} x that\n", small, large / small);
  return 0;
}
