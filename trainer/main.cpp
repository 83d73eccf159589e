// The program: a table of verbs, and the one place where an error becomes an exit code.
#include <fmt/format.h>
#include <mpi.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "data/prepare.hpp"
#include "data/shards_verb.hpp"
#include "launch/command_line.hpp"
#include "launch/config/verb.hpp"
#include "launch/error.hpp"
#include "launch/log.hpp"
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

/// Says what went wrong and ends the job on all ranks with `code`. `together`: every rank fails this way, so
/// rank 0 speaks for all.
int end_with_error(int code, const char* message, bool together) {
  int initialized = 0, finalized = 0, rank = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  const bool in_job = initialized != 0 && finalized == 0;
  if (in_job) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0 || !together) log::error("{}", message);
  log::flush();
  if (!in_job) return code;
  if (!together) MPI_Abort(MPI_COMM_WORLD, code);
  ::alarm(20);  // should a peer not come to this place after all, the signal ends the job
  MPI_Finalize();
  return code;
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  try {
    return gyrus::run({argv + 1, argv + argc});
  } catch (const gyrus::AgreedError& error) {
    return gyrus::end_with_error(static_cast<int>(error.code()), error.what(), true);
  } catch (const gyrus::ConfigError& error) {
    return gyrus::end_with_error(static_cast<int>(error.code()), error.what(), true);
  } catch (const gyrus::FatalStateError& error) {
    return gyrus::end_with_error(static_cast<int>(error.code()), error.what(), true);
  } catch (const gyrus::Error& error) {
    return gyrus::end_with_error(static_cast<int>(error.code()), error.what(), false);
  } catch (const std::exception& error) {
    return gyrus::end_with_error(static_cast<int>(gyrus::ExitCode::internal), error.what(), false);
  }
}
