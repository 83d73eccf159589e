#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "launch/config/fields.hpp"

namespace gyrus {

/// What a SLURM job asks for; bound at `submit`. Empty text and 0 leave the cluster's default.
struct SubmitOptions {
  std::string launcher = "srun";
  std::string job_name = "gyrus";
  std::string partition;
  std::string account;
  std::string qos;
  std::int64_t nodes = 1;
  std::int64_t tasks_per_node = 1;
  std::int64_t gpus_per_node = 0;
  std::int64_t cpus_per_task = 1;
  std::string time = "04:00:00";
  std::int64_t signal_seconds = 120;
  bool requeue = true;
  std::int64_t max_requeues = 50;
  std::vector<std::string> pre_commands;
  std::vector<std::string> arguments;
  std::vector<std::string> after;  // overrides of a job that has to finish first

  void fields(Fields& f);
};

/// How a sweep runs its trials; bound at `sweep`.
struct SweepOptions {
  std::string name = "sweep";
  std::string dir = "sweeps/sweep";
  std::string launcher = "local";
  std::int64_t ranks = 1;
  std::int64_t max_parallel = 0;

  void fields(Fields& f);
};

}  // namespace gyrus
