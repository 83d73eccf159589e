#pragma once

#include <gtest/gtest.h>

#include "data/prepare/prepare.hpp"
#include "launch/log.hpp"
#include "tests/data/support.hpp"

namespace gyrus::test {

/// MPI of this test process: one rank without mpirun.
inline const mpi::Communicator& world() {
  static mpi::Environment environment;
  static mpi::Communicator communicator = mpi::Communicator::world();
  return communicator;
}

/// A fresh small phantom data set per test.
class Prepared : public testing::Test {
 protected:
  Prepared() : options_(small_phantom(scratch_ / "set")) {
    log::configure(0, true);
    prepare_dataset(options_, world());
  }
  const DataOptions& options() const { return options_; }
  std::filesystem::path root() const { return options_.root; }
  const Scratch& scratch() const { return scratch_; }

 private:
  Scratch scratch_;
  DataOptions options_;
};

}  // namespace gyrus::test
