#pragma once

#include <string>
#include <vector>

#include "launch/config/defaults_list.hpp"
#include "launch/config/node.hpp"
#include "launch/config/override_parser.hpp"
#include "launch/config/resolver.hpp"

/// The mapping `hydra` of a composition: what hydra-core 1.3 keeps there, as far as it means something here.
/// Configs read it (${hydra:job.name}, ${hydra.runtime.choices.model}), set it (hydra.run.dir,
/// hydra.sweep.subdir, hydra.sweeper.params) and it is no part of the program's options.
namespace gyrus {

/// The node with hydra-core's defaults, before any file is merged.
ConfigNode default_hydra_node();

/// Warns of keys below `hydra` that nothing here reads. @throws CompositionError (type_conflict) when a value
/// that is read has another kind than its default, or hydra.mode is neither RUN nor MULTIRUN
void check_hydra_node(const ConfigNode& hydra);

/// Fills in what is known when files and overrides are merged: overrides.hydra, overrides.task,
/// runtime.choices, job.override_dirname, job.config_name.
void complete_hydra_node(ConfigNode& hydra, const std::vector<Override>& overrides, const Choices& choices,
                         const std::string& config_name);

/// The value at a path below `hydra`, resolved, as text. @throws CompositionError
std::string hydra_text(const ConfigNode& root, const std::string& path);

/// The same tree without its node `hydra`.
ConfigNode without_hydra(ConfigNode root);

}  // namespace gyrus
