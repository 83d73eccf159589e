#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "data/options.hpp"
#include "launch/config/fields.hpp"
#include "trainer/diffusion/corruption.hpp"
#include "trainer/diffusion/noise.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/evaluation/options.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/optimizer.hpp"

namespace gyrus {

struct RunOptions {
  std::string name = "run";
  std::string dir = "runs/run";

  void fields(Fields& f);
};

struct TrainerOptions {
  std::int64_t global_batch = 32;
  std::int64_t micro_batch = 0;  // 0 (auto): the whole part of a rank
  std::int64_t max_samples = 460'800;
  std::string device = "auto";      // auto | cpu | cuda
  std::string precision = "fp32";   // fp32 | bf16
  std::string nan_policy = "stop";  // stop | skip
  double ema_decay = 0.0;           // 0: no average; Q15
  double clip_norm = 0.0;           // 0: no clipping
  double bucket_mb = 25.0;
  std::int64_t check_replicas_every_samples = 0;  // 0: at the start and with each checkpoint
  std::int64_t log_every_steps = 1;
  OptimizerOptions optimizer;

  void fields(Fields& f);
};

struct ValidationOptions {
  std::int64_t every_samples = 0;  // 0: only at the end
  std::string set = "val";
  std::string loss = "fixed";  // fixed | random (Q19)
  std::int64_t pictures = 4;

  void fields(Fields& f);
};

struct CheckpointOptions {
  std::int64_t every_samples = 0;  // 0: only at the end and when stopped
  double every_minutes = 15.0;     // 0: never by time
  std::int64_t keep_last = 2;
  std::string metric = "dice";  // dice | auprc | auroc | loss
  std::string resume = "auto";  // auto | never | PATH

  void fields(Fields& f);
};

/// Everything that `train` and `eval` are configured by, without the parts of the scheduler.
struct Options {
  std::int64_t seed = 1;
  RunOptions run;
  DataOptions data;
  ModelOptions model;
  NoiseOptions noise;
  CorruptionOptions corruption;
  ObjectiveOptions objective;
  TrainerOptions trainer;
  ValidationOptions validation;
  CheckpointOptions checkpoint;
  EvaluationOptions evaluation;

  void fields(Fields& f);
  /// Checks that options fit together. @throws ConfigError naming both keys
  void validate() const;
};

}  // namespace gyrus
