#include "trainer/options.hpp"

#include <fmt/format.h>

#include "launch/error.hpp"
#include "trainer/plan.hpp"

namespace gyrus {

void RunOptions::fields(Fields& f) {
  f.field("name", name, "of the run, in tables and folders", {.may_change_on_resume = true});
  f.field("dir", dir, "folder that receives everything the run writes", {.may_change_on_resume = true});
}

void TrainerOptions::fields(Fields& f) {
  f.field("global_batch", global_batch, "samples per optimizer step, over all ranks",
          {.min = 1, .unit = "samples"});
  f.field("micro_batch", micro_batch, "samples per forward pass of a rank; auto: all of its part",
          {.min = 0, .unit = "samples", .auto_value = 0, .may_change_on_resume = true});
  f.field("max_samples", max_samples, "length of the training", {.min = 1, .unit = "samples"});
  f.field("device", device, "where tensors live; auto: a GPU when there is one",
          {.choices = {"auto", "cpu", "cuda"}, .may_change_on_resume = true});
  f.field("precision", precision,
          "of convolutions and matrix products; norms, softmax and loss stay in float32",
          {.choices = {"fp32", "bf16"}});
  f.field("nan_policy", nan_policy,
          "when loss or gradient is not finite: end the run, or leave the update out",
          {.choices = {"stop", "skip"}, .may_change_on_resume = true});
  f.field("ema_decay", ema_decay, "of the running average of the weights that is evaluated; 0: none (Q15)",
          {.min = 0.0, .max = 0.999999});
  f.field("clip_norm", clip_norm, "largest norm of the gradient; 0: any", {.min = 0.0});
  f.field("bucket_mb", bucket_mb, "size of the pieces in which gradients are summed over ranks",
          {.min = 0.01, .unit = "MB", .may_change_on_resume = true});
  f.field("check_replicas_every_samples", check_replicas_every_samples,
          "how often ranks compare their weights; 0: at the start and with each checkpoint",
          {.min = 0, .unit = "samples", .may_change_on_resume = true});
  f.field("log_every_steps", log_every_steps, "steps between two lines of metrics",
          {.min = 1, .may_change_on_resume = true});
  f.group("optimizer", optimizer);
}

void ValidationOptions::fields(Fields& f) {
  f.field("every_samples", every_samples, "0: only at the end",
          {.min = 0, .unit = "samples", .may_change_on_resume = true});
  f.field("set", set, "labelled set whose Dice curve is followed", {.may_change_on_resume = true});
  f.field("loss", loss,
          "fixed: with noise (or masks) that belong to each volume; random: the training loss of one random "
          "augmented slice per volume (or other masks), drawn anew each time (Q19: the published code's)",
          {.choices = {"fixed", "random"}, .may_change_on_resume = true});
  f.field("pictures", pictures, "volumes shown in pictures/ at each validation",
          {.min = 0, .max = 64, .may_change_on_resume = true});
}

void CheckpointOptions::fields(Fields& f) {
  f.field("every_samples", every_samples, "0: only at the end and when stopped",
          {.min = 0, .unit = "samples", .may_change_on_resume = true});
  f.field("every_minutes", every_minutes, "0: not by time",
          {.min = 0.0, .unit = "minutes", .may_change_on_resume = true});
  f.field("keep_last", keep_last, "checkpoints kept beside the best one",
          {.min = 1, .may_change_on_resume = true});
  f.field("metric", metric, "of the validation that decides which checkpoint is the best",
          {.choices = {"dice", "auprc", "auroc", "loss"}, .may_change_on_resume = true});
  f.field("resume", resume,
          "auto: from the newest valid checkpoint of the run folder; never: start anew; or the path of a "
          "checkpoint",
          {.may_change_on_resume = true});
}

void Options::fields(Fields& f) {
  f.field("seed", seed, "of every random choice", {.min = 0});
  f.group("run", run);
  f.group("data", data);
  f.group("model", model);
  f.group("noise", noise);
  f.group("corruption", corruption);
  f.group("objective", objective);
  f.group("trainer", trainer);
  f.group("validation", validation);
  f.group("checkpoint", checkpoint);
  f.group("evaluation", evaluation);
}

namespace {

void check_pretraining(const Options& options) {
  const std::int64_t cell = downsampling(options.model.encoder);
  const auto rows = options.data.image_size[0], columns = options.data.image_size[1];
  if (rows % cell != 0 || columns % cell != 0 || rows * columns <= cell * cell)
    throw ConfigError(fmt::format(
        "data.image_size {} x {} is not divided into several cells of {} pixels, which "
        "model.encoder.blocks with {} stages needs for model.kind=spark; crop or pad to a multiple",
        rows, columns, cell, options.model.encoder.blocks.size()));
  const ModelOptions& model = options.model;
  if (!model.encoder.init.empty() || model.condition_dropout != 0.0 || model.unet.injection != "concat")
    throw ConfigError(
        "model.encoder.init, model.condition_dropout and model.injection have nothing to act on with "
        "model.kind=spark: the pre-training starts at random weights and has no UNet; leave them out");
  if (options.trainer.micro_batch != 0)
    throw ConfigError(
        "trainer.micro_batch has to be auto with model.kind=spark: its batch norms see the whole "
        "part of a rank at once");
  if (options.checkpoint.metric != "loss")
    throw ConfigError(fmt::format("checkpoint.metric={} does not exist with model.kind=spark; choose loss",
                                  options.checkpoint.metric));
}

void check_diffusion(const Options& options) {
  const std::int64_t levels = static_cast<std::int64_t>(options.model.unet.multipliers.size());
  const std::int64_t factor = std::int64_t{1} << (levels - 1);
  for (const std::size_t axis : {0u, 1u})
    if (options.data.image_size[axis] % factor != 0)
      throw ConfigError(
          fmt::format("data.image_size {} is not divisible by {}, which model.multipliers with {} levels "
                      "needs; crop or pad to a multiple",
                      options.data.image_size[axis], factor, levels));
  options.corruption.validate(options.data.image_size[0], options.data.image_size[1]);
}

}  // namespace

void Options::validate() const {
  data.validate();
  model.validate();
  if (model.kind == "spark")
    check_pretraining(*this);
  else
    check_diffusion(*this);
  Plan(trainer.max_samples, trainer.global_batch, 1);  // throws when nothing would be trained
  noise.validate();
  if (noise.device == "cuda" && trainer.device == "cpu")
    throw ConfigError("noise.device=cuda, but this training is on the CPU: trainer.device=cpu; train on a GPU, or set "
        "noise.device=cpu");
  evaluation.validate();
}

}  // namespace gyrus
