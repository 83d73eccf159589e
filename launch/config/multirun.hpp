#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "launch/config/config.hpp"
#include "launch/config/node.hpp"

namespace gyrus {

/// Where a run's files go: Hydra's terms.
struct OutputFolders {
  std::filesystem::path dir;          // hydra.run.dir, or hydra.sweep.dir / hydra.sweep.subdir
  std::optional<std::string> subdir;  // hydra.output_subdir; none: null
};

/// Of a single run. @param root  what compose_tree returned @throws CompositionError
OutputFolders output_folders(const ConfigNode& root);

/// Writes `subdir`/config.yaml (interpolations kept) and `subdir`/overrides.yaml into `run_dir`, as Hydra
/// does for its users' scripts; nothing when there is no subdir. @throws DataError
void write_hydra_files(const ConfigNode& root, const std::optional<std::string>& subdir,
                       const std::filesystem::path& run_dir);

/// One job of a sweep.
struct SweepJob {
  std::vector<std::string> overrides;  // of the program, one value each, spelled as Hydra does
  ConfigNode root;                     // composed, its interpolations in place, with `hydra`
  std::string subdir;                  // hydra.sweep.subdir
  OutputFolders outputs;
};

struct Multirun {
  std::vector<std::string> varying_keys;  // with prefix and package
  std::vector<SweepJob> jobs;
};

/// The jobs of a sweep in Hydra's order: `hydra.sweeper.params` of the configuration, then the overrides,
/// later ones of a key in the place of earlier ones; the product of their values, the last key fastest. All
/// jobs are composed, so that a sweep with one bad job starts none.
/// @throws CompositionError: of a composition, with the job's overrides; sweep_over_hydra, sweep_type,
/// sweep_empty
Multirun compose_multirun(const ComposeRequest& request);

/// Whether the configuration itself asks for a sweep: hydra.mode=MULTIRUN. @throws CompositionError
bool asks_for_multirun(const ComposeRequest& request);

}  // namespace gyrus
