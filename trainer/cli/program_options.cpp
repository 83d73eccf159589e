#include "trainer/cli/program_options.hpp"

namespace gyrus {

void ProgramOptions::fields(Fields& f) {
  trainer.fields(f);
  f.group("submit", submit);
  f.group("sweep", sweep);
}

ProgramOptions bind_program_options(const Config& config) {
  ProgramOptions options;
  config.bind(options);
  options.trainer.validate();
  return options;
}

void visit_all_options(Fields& fields) {
  ProgramOptions options;
  options.fields(fields);
}

}  // namespace gyrus
