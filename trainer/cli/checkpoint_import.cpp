#include "trainer/cli/checkpoint_import.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <malloc.h>

#include <algorithm>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/import.hpp"
#include "trainer/cli/program_options.hpp"
#include "trainer/task.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// A text as one value of an override.
std::string quoted(const std::string& text) {
  std::string result = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') result += '\\';
    result += c;
  }
  return result + "'";
}

Config configuration_for(const PublishedCheckpoint& checkpoint, const ImportArguments& arguments) {
  ComposeRequest request = arguments.config.request();
  const bool names_model =
      std::ranges::any_of(request.overrides, [](const auto& text) { return text.starts_with("model="); });
  if (!names_model) {
    auto deduced = deduce_model(checkpoint, arguments.file);
    if (deduced.empty())
      throw ConfigError(
          fmt::format("{} holds no UNet (diffusion.model.*), so its model cannot be told; name it, "
                      "as in model=spark data=ixi_shared for a pre-training",
                      arguments.file));
    log::info("from the tensors: {}", fmt::join(deduced, " "));
    // Overrides of the user come later and win.
    request.overrides.insert(request.overrides.begin(), deduced.begin(), deduced.end());
  }
  request.overrides.push_back("run.dir=" + quoted(fs::absolute(arguments.folder).string()));
  return Config::compose(request);
}

}  // namespace

void ImportArguments::add_to(CLI::App& app) {
  app.add_option("file", file, "the published .ckpt file")->required();
  app.add_option("folder", folder, "run folder to make")->required();
  config.add_to(app);
}

int import_checkpoint(const ImportArguments& arguments) {
  log::configure(0, arguments.config.quiet);
  const fs::path folder = arguments.folder;
  const CheckpointStore store(folder / "checkpoints");
  if (fs::exists(folder / "config.yaml") || store.had_checkpoints())
    throw ConfigError(fmt::format("{} holds a run already; choose another folder", folder.string()));
  const PublishedCheckpoint checkpoint = read_published(arguments.file);
  const Config config = configuration_for(checkpoint, arguments);
  const Options options = bind_program_options(config).trainer;
  // The model is there for its names and shapes, and its memory is given back before the file's values are
  // touched.
  const ModelLayout layout = layout_of(*make_network(options.model));
  ::malloc_trim(0);
  const TrainState state = import_state(checkpoint, layout, options.trainer.global_batch, arguments.file);
  if (!checkpoint.skipped_classes.empty())
    log::info("skipped objects of {}", fmt::join(checkpoint.skipped_classes, ", "));
  gyrus::create_directories(folder);
  const fs::path written = store.save(state, /*is_best=*/true, /*keep_last=*/1);
  write_file_atomically(folder / "config.yaml", config.to_yaml());
  config.write_hydra_files(folder);
  log::info("epoch {}, step {}: {} tensors{}", checkpoint.epoch, state.step, state.weights.size(),
            state.optimizer.empty() ? "" : ", the optimizer's moments");
  fmt::print("{}\n", written.string());
  return 0;
}

}  // namespace gyrus
