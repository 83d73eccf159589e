// The program: a table of verbs.
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "data/lint/lint_verb.hpp"
#include "data/prepare/prepare.hpp"
#include "data/shards_verb.hpp"
#include "launch/command_line.hpp"
#include "launch/completion.hpp"
#include "launch/config/verb.hpp"
#include "launch/program.hpp"
#include "launch/version.hpp"
#include "slurm/submit.hpp"
#include "slurm/sweep.hpp"
#include "trainer/cli/checkpoint_verb.hpp"
#include "trainer/cli/eval_verb.hpp"
#include "trainer/cli/program_options.hpp"
#include "trainer/cli/train_verb.hpp"

namespace gyrus {
namespace {

using Words = std::vector<std::string>;

int version_verb(const Words&) {
  return fmt::print("gyrus {}\n", version), 0;
}

int completion(const Words& words);
const Words checkpoint_commands = {"ls", "verify", "diff", "export", "import"};
const Words sweep_commands = {"status", "resume", "collect"};

const std::array verbs = {
    Verb{"train", "train a model; resumes by itself", train_verb, /*takes_overrides=*/true},
    Verb{"lint", "look for mistakes in the sources of a data set",
         [](const Words& words) { return lint_verb(words, bind_program_options); }, true},
    Verb{"prepare", "make HDF5 shards from NIfTI volumes, or the generated phantom",
         [](const Words& words) { return prepare_verb(words, bind_program_options); }, true},
    Verb{"shards",
         "ls | stat | verify | repack | quarantine: look at prepared shards, convert and mend them",
         shards_verb,
         false,
         {"ls", "stat", "verify", "repack", "quarantine"}},
    Verb{"eval", "evaluate a checkpoint on labelled sets", eval_verb, true},
    Verb{"checkpoint", "look at checkpoints; import and export published ones", checkpoint_verb, false,
         checkpoint_commands},
    Verb{"config",
         "show | explain | diff | digest | options",
         [](const Words& words) { return config_verb(words, visit_all_options); },
         true,
         {"show", "explain", "diff", "digest", "options"},
         false,
         {"diff", "options"},
         "explain"},
    Verb{"submit", "submit a SLURM job that trains, stops in time and resumes",
         [](const Words& words) { return submit_verb(words, check_submission); }, true},
    Verb{"sweep", "one run per combination of values",
         [](const Words& words) { return sweep_verb(words, bind_program_options); }, true, sweep_commands,
         /*commands_are_optional=*/true, sweep_commands},
    Verb{"completion",
         "print the completion script of bash, zsh or fish",
         completion,
         false,
         {"bash", "zsh", "fish"}},
    Verb{"version", "print the version", version_verb},
};

int completion(const Words& words) {
  return completion_verb(words, verbs, visit_all_options);
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  return gyrus::run_program([&] { return gyrus::run_verb({argv + 1, argv + argc}, gyrus::verbs); });
}
