#pragma once

#include <string>
#include <vector>

#include "launch/command_line.hpp"
#include "slurm/submit.hpp"

namespace gyrus {

/// `gyrus sweep [--dry-run] [key=a,b,c ...]`: one run per combination of the listed values, here one after
/// another or as one SLURM job array. The grammar is Hydra's (docs/configuration.md). Every trial is composed
/// and checked before any starts. `gyrus sweep status|resume|collect DIR`: how far it is; start what has not
/// finished; results as CSV and Markdown.
/// @throws ConfigError, DataError
int sweep_verb(const std::vector<std::string>& arguments, const CheckConfig& check);

/// The sweep itself, which `gyrus train --multirun` starts too. @throws ConfigError, DataError
int run_sweep(const ConfigArguments& given, const CheckConfig& check, bool dry_run);

}  // namespace gyrus
