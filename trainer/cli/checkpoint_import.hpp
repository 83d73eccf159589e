#pragma once

#include <string>

#include "launch/command_line.hpp"

namespace gyrus {

/// Arguments of `gyrus checkpoint import FILE OUT_DIR [override ...]`.
struct ImportArguments {
  std::string file, folder;
  ConfigArguments config;

  void add_to(CLI::App& app);
};

/// Makes the run folder OUT_DIR of a published checkpoint: config.yaml and checkpoints/step-NNNNNNNNN, also
/// named by `best` and `latest`. The model's options are deduced from the tensors unless an override
/// model=... chooses a model; other overrides count as for training. @throws DataError, ConfigError
int import_checkpoint(const ImportArguments& arguments);

}  // namespace gyrus
