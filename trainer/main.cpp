// The program: a table of verbs.
#include <fmt/format.h>

#include <array>
#include <string>
#include <vector>

#include "data/prepare.hpp"
#include "data/shards_verb.hpp"
#include "launch/command_line.hpp"
#include "launch/config/verb.hpp"
#include "launch/error.hpp"
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

const std::array verbs = {
    Verb{"train", "train a model; resumes by itself", train_verb},
    Verb{"prepare", "make HDF5 shards from NIfTI volumes, or the generated phantom",
         [](const Words& words) { return prepare_verb(words, bind_program_options); }},
    Verb{"shards", "ls | verify | stat: look at prepared shards", shards_verb},
    Verb{"eval", "evaluate a checkpoint on labelled sets", eval_verb},
    Verb{"checkpoint", "ls | verify: look at checkpoints", checkpoint_verb},
    Verb{"config", "show | explain | options",
         [](const Words& words) { return config_verb(words, visit_all_options); }},
    Verb{"submit", "submit a SLURM job that trains, stops in time and resumes",
         [](const Words& words) { return submit_verb(words, check_submission); }},
    Verb{"sweep", "one run per combination of values",
         [](const Words& words) { return sweep_verb(words, bind_program_options); }},
    Verb{"version", "print the version", version_verb},
};

int run(const Words& words) {
  const std::string name = words.empty() ? "--help" : words.front();
  for (const auto& verb : verbs)
    if (name == verb.name) return verb.run({words.begin() + 1, words.end()});
  if (name != "--help" && name != "-h")
    throw ConfigError(fmt::format("gyrus has no verb '{}'; `gyrus --help` lists them", name));
  fmt::print(
      "gyrus {}: trains conditioned diffusion models that find anomalies in brain MRI\n\nusage: gyrus VERB "
      "[arguments]\n\n",
      version);
  for (const auto& verb : verbs) fmt::print("  {:<12}{}\n", verb.name, verb.summary);
  fmt::print("\n`gyrus VERB --help` explains a verb, `gyrus config options` lists every option.\n");
  return 0;
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  return gyrus::run_program([&] { return gyrus::run({argv + 1, argv + argc}); });
}
