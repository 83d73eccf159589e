#pragma once

#include "launch/config/config.hpp"
#include "slurm/submit_options.hpp"
#include "trainer/options.hpp"

namespace gyrus {

/// Every option of the program. The only struct that knows both the trainer's and the scheduler's.
struct ProgramOptions {
  Options trainer;
  SubmitOptions submit;
  SweepOptions sweep;

  void fields(Fields& f);
};

/// @throws ConfigError for anything unknown, of the wrong type, out of range, or that does not fit together
ProgramOptions bind_program_options(const Config& config);

/// What a job may be submitted with: a run folder that holds a run already must hold this very run.
/// @throws ConfigError
void check_submission(const Config& config);

/// Walks the defaults of every option.
void visit_all_options(Fields& fields);

}  // namespace gyrus
