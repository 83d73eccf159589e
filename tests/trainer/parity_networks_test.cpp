// The networks against the published implementation's numbers, in float32 and in double: names contain
// "Parity".
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>

#include "tests/support/parity.hpp"
#include "tests/trainer/cddpm_reconstruction.hpp"
#include "trainer/checkpoint/encoder_init.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/diffusion/corruption.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/diffusion/simplex.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

using parity::Case;

ModelOptions options_of(const Case& c) {
  ModelOptions options;
  if (c.has("/config/base_width")) {
    options.unet.base_width = c.integer("/config/base_width");
    options.unet.blocks = c.integer("/config/blocks_per_level");
    options.unet.head_width = c.integer("/config/head_width");
    options.unet.multipliers = c.integers("/config/multipliers");
    options.condition_dim = c.integer("/config/condition_dim");
    if (c.has("/config/attention_factors"))
      options.unet.attention_factors = c.integers("/config/attention_factors");
  }
  if (!c.has("/input/c")) options.condition_dim = 0;
  return options;
}

class UnetParity : public parity::CaseTest {};

TEST_P(UnetParity, OutputBlocksLossAndGradients) {
  const auto [name, type] = GetParam();
  const Case c(name);
  const ModelOptions options = options_of(c);
  Unet unet(options.unet, options.condition_dim);
  EXPECT_EQ(num_parameters(unet), c.integer("/num_parameters"));
  parity::fill_model(c, unet, type, "diffusion.model.");
  unet.record_blocks(true);
  const torch::Tensor t = c.tensor("/input/t"), x = c.tensor("/input/x").to(type);
  const torch::Tensor condition = options.condition_dim > 0 ? c.tensor("/input/c").to(type) : torch::Tensor();
  c.expect("/embedding", unet.embed(t, condition, type).main, type);
  const torch::Tensor output = unet.forward(x, t, condition);
  c.expect("/output", output, type);
  parity::expect_blocks(c, "/blocks", unet.recorded_blocks(), type);
  const torch::Tensor loss = (output - c.tensor("/input/target").to(type)).abs().mean();
  c.expect("/loss", loss, type);
  loss.backward();
  const auto projections = parity::gradient_projections(c, unet, "diffusion.model.");
  c.expect("/params/grad_norm", projections.norm, type);
  c.expect("/params/grad_dot", projections.dot, type);
  const auto gradients = unet.named_parameters();
  for (const auto& parameter : c.names("/full_gradients"))
    c.expect("/full_gradients/" + parameter,
             gradients[parameter.substr(std::string("diffusion.model.").size())].grad(), type);
}

INSTANTIATE_TEST_SUITE_P(parity, UnetParity, testing::ValuesIn(parity::cases_named({"unet_"})),
                         parity::label);

class EncoderParity : public parity::CaseTest {};

TEST_P(EncoderParity, EvaluationTrainingAndStochasticDepth) {
  const auto type = GetParam().type;
  const Case c(GetParam().name);
  ResNet encoder(EncoderOptions{}, 512);
  EXPECT_EQ(num_parameters(encoder), c.integer("/num_parameters"));
  parity::fill_model(c, encoder, type, "encoder.encoder.");
  const torch::Tensor x = c.tensor("/input/x").to(type), r = c.tensor("/input/r").to(type);
  encoder.record_blocks(true);

  encoder.eval();
  torch::Tensor output = encoder.forward(x);
  c.expect("/eval/output", output, type);
  parity::expect_blocks(c, "/eval/blocks", encoder.recorded_blocks(), type);
  ((output * r).sum() / output.numel()).backward();
  auto projections = parity::gradient_projections(c, encoder, "encoder.encoder.");
  c.expect("/params/eval_mode/grad_norm", projections.norm, type);
  c.expect("/params/eval_mode/grad_dot", projections.dot, type);
  encoder.zero_grad();

  encoder.train();
  output = encoder.forward(x);
  c.expect("/train/output", output, type);
  parity::expect_blocks(c, "/train/blocks", encoder.recorded_blocks(), type);
  const torch::Tensor loss = (output * r).sum() / output.numel();
  c.expect("/train/loss", loss, type);
  loss.backward();
  update_running_statistics(encoder, encoder.sample_groups(), x.size(0));
  projections = parity::gradient_projections(c, encoder, "encoder.encoder.");
  c.expect("/params/grad_norm", projections.norm, type);
  c.expect("/params/grad_dot", projections.dot, type);
  projections = parity::statistic_projections(c, encoder, "encoder.encoder.");
  c.expect("/params/stat_norm_after", projections.norm, type);
  c.expect("/params/stat_dot_after", projections.dot, type);
  const auto statistics = encoder.named_buffers();
  for (const auto& statistic : c.names("/train/after"))
    c.expect("/train/after/" + statistic, statistics[statistic], type);

  EncoderOptions deep;
  deep.drop_path = 0.05;
  ResNet dropping(deep, 512);
  parity::fill_model(c, dropping, type, "encoder.encoder.");
  const torch::Tensor rates = c.tensor("/drop_path/rates");
  for (std::size_t i = 0; i < 16; ++i)
    EXPECT_NEAR(dropping.drop_rates()[i], rates[static_cast<std::int64_t>(i)].item<double>(), 1e-9);
  c.expect("/drop_path/output", dropping.forward(x, c.tensor("/drop_path/keep").to(type)), type);
}

TEST_P(EncoderParity, TakesTheWeightsOfAPretraining) {
  const auto type = GetParam().type;
  const Case c(GetParam().name);
  if (!Case::available("spark")) GTEST_SKIP() << "skipped: no parity case spark at " << parity::folder();
  SparkModel pretrained(EncoderOptions{}, SparkOptions{});
  parity::fill_model(Case("spark"), pretrained, type);
  const auto folder =
      std::filesystem::path(testing::TempDir()) / ("gyrus_from_spark_" + parity::label({GetParam(), 0}));
  std::filesystem::remove_all(folder);
  TrainState state;
  state.weights = named_state(pretrained);
  const auto saved = CheckpointStore(folder).save(state, /*is_best=*/true, /*keep_last=*/1);

  ModelOptions options;
  DiffusionModel model(options);
  model.to(type);
  parity::fill_model(c, model.encoder(), type, "encoder.encoder.");
  initialise_encoder(model, saved);
  model.eval();
  const torch::NoGradGuard no_gradient;
  c.expect("/from_spark/output", model.encoder().forward(c.tensor("/input/x").to(type)), type);
  std::filesystem::remove_all(folder);
}

INSTANTIATE_TEST_SUITE_P(parity, EncoderParity, testing::ValuesIn(parity::cases_named({"encoder"})),
                         parity::label);

class CddpmParity : public parity::CaseTest {};

TEST_P(CddpmParity, TrainingLossGradientsAndReconstruction) {
  const auto type = GetParam().type;
  const Case c(GetParam().name);
  DiffusionModel model(ModelOptions{});
  EXPECT_EQ(num_parameters(model), 68619329);
  parity::fill_model(c, model, type);
  const Schedule schedule(1000);

  expect_published_reconstruction(c, model, type);

  model.train();
  const torch::Tensor x = c.tensor("/train/x").to(type), t = c.tensor("/train/t");
  const torch::Tensor noise = c.tensor("/train/noise").to(type).expand_as(x);
  torch::Tensor condition = model.encoder().forward(x);
  condition.retain_grad();
  c.expect("/train/condition", condition, type);
  const torch::Tensor clean = to_diffusion_range(x);
  const torch::Tensor prediction = model.unet().forward(schedule.add_noise(clean, noise, t), t, condition);
  c.expect("/train/reconstruction_0", to_slice_range(prediction)[0].squeeze(0), type);
  const torch::Tensor loss = per_sample_error("l1", prediction, clean, {}).mean();
  c.expect("/train/loss", loss, type);
  loss.backward();
  update_running_statistics(model, model.encoder().sample_groups(), x.size(0));
  c.expect("/train/condition_grad", condition.grad(), type);
  auto projections = parity::gradient_projections(c, model);
  c.expect("/params/grad_norm", projections.norm, type);
  c.expect("/params/grad_dot", projections.dot, type);
  if (type == torch::kFloat32) {  // the UNet's rows have no batch norm above them and a sharper limit
    const torch::Tensor unet_rows = parity::rows_named(c, "diffusion.");
    c.expect("/params/grad_norm", projections.norm, type, unet_rows, "tolerance_unet_rows");
    c.expect("/params/grad_dot", projections.dot, type, unet_rows, "tolerance_unet_rows");
  }
  projections = parity::statistic_projections(c, model);
  c.expect("/params/stat_norm_after", projections.norm, type);
  c.expect("/params/stat_dot_after", projections.dot, type);
}

INSTANTIATE_TEST_SUITE_P(parity, CddpmParity, testing::ValuesIn(parity::cases_named({"cddpm"})),
                         parity::label);

class SparkParity : public parity::CaseTest {};

TEST_P(SparkParity, EvaluationTrainingAndGradients) {
  const auto type = GetParam().type;
  const Case c(GetParam().name);
  SparkModel model(EncoderOptions{}, SparkOptions{});
  EXPECT_EQ(num_parameters(model), c.integer("/num_parameters"));
  parity::fill_model(c, model, type);
  const torch::Tensor x = c.tensor("/input/x").to(type);
  const torch::Tensor uniforms = c.tensor("/input/mask_uniforms");
  const torch::Tensor visible = c.tensor("/input/active").to(type);
  for (std::int64_t i = 0; i < uniforms.size(0); ++i) {
    const torch::Tensor row = uniforms[i].contiguous();
    const auto cells = choose_visible_cells({row.data_ptr<double>(), 9}, num_visible_cells(9, 0.65));
    EXPECT_TRUE(torch::tensor(std::vector<std::int64_t>(cells.begin(), cells.end()))
                    .equal(visible[i].flatten().to(torch::kInt64)));
  }
  const double hidden = static_cast<double>(visible.numel()) - visible.sum().item<double>();
  model.record_blocks(true);
  const auto check = [&](const std::string& mode, const std::string& params) {
    const torch::Tensor restored = model.forward(x, visible);
    c.expect("/" + mode + "/reconstruction_0", restored[0][0], type);
    c.expect("/" + mode + "/reconstruction_rms", restored.square().mean({1, 2, 3}).sqrt(), type);
    parity::expect_blocks(c, "/" + mode + "/blocks", model.recorded_blocks(), type);
    const torch::Tensor loss = masked_cell_error(restored, x, visible).sum() / hidden;
    c.expect("/" + mode + "/loss", loss, type);
    model.zero_grad();
    loss.backward();
    const auto projections = parity::gradient_projections(c, model);
    c.expect(params + "/grad_norm", projections.norm, type);
    c.expect(params + "/grad_dot", projections.dot, type);
  };
  model.eval();
  check("eval", "/params/eval_mode");
  model.train();
  check("train", "/params");
  update_running_statistics(model, model.encoder().sample_groups(), x.size(0));
  const auto projections = parity::statistic_projections(c, model);
  c.expect("/params/stat_norm_after", projections.norm, type);
  c.expect("/params/stat_dot_after", projections.dot, type);
}

INSTANTIATE_TEST_SUITE_P(parity, SparkParity, testing::ValuesIn(parity::cases_named({"spark"})),
                         parity::label);

class PatchedParity : public parity::CaseTest {};

/// Boxes are stored as x_min, y_min, x_max, y_max; x counts columns.
Box box_of(const torch::Tensor& edges) {
  const auto edge = [&](std::int64_t i) { return edges[i].item<std::int64_t>(); };
  return {edge(1), edge(0), edge(3) - edge(1), edge(2) - edge(0)};
}

TEST_P(PatchedParity, BoxLossGradientsAndStitchedReconstruction) {
  const auto type = GetParam().type;
  const Case c(GetParam().name);
  ModelOptions options;
  options.conditioning = "none";
  options.unet.base_width = 32;
  DiffusionModel model(options);
  EXPECT_EQ(num_parameters(model), c.integer("/num_parameters"));
  parity::fill_model(c, model, type);
  const Schedule schedule(1000);
  const torch::Tensor x = c.tensor("/input/x").to(type), t = c.tensor("/input/t"),
                      edges = c.tensor("/input/box"), grid = c.tensor("/input/grid");
  const torch::Tensor noise = c.tensor("/input/noise").to(type).expand_as(x);
  const std::int64_t rows = x.size(2), columns = x.size(3);

  std::vector<Box> boxes;
  for (std::int64_t i = 0; i < edges.size(0); ++i) boxes.push_back(box_of(edges[i]));
  const torch::Tensor inside = box_masks(boxes, rows, columns).to(type), clean = to_diffusion_range(x);
  const torch::Tensor noised = torch::where(inside > 0, schedule.add_noise(clean, noise, t), clean);
  const torch::Tensor prediction = model.unet().forward(noised, t, {});
  c.expect("/train/reconstruction", torch::where(inside > 0, to_slice_range(prediction), x), type);
  const torch::Tensor all_pixels = torch::full({x.size(0)}, static_cast<double>(rows * columns), type);
  const torch::Tensor loss = per_sample_error("l1", prediction, clean, inside, all_pixels).mean();
  c.expect("/train/loss", loss, type);
  loss.backward();
  const auto projections = parity::gradient_projections(c, model);
  c.expect("/params/grad_norm", projections.norm, type);
  c.expect("/params/grad_dot", projections.dot, type);

  CorruptionOptions corruption;
  corruption.region = "grid";
  const Box first = box_of(grid[0]);
  corruption.box = {first.rows, first.columns};
  const auto tiles = make_corruption(corruption, rows, columns)->boxes();
  ASSERT_EQ(static_cast<std::int64_t>(tiles.size()), grid.size(0));
  model.eval();
  const torch::NoGradGuard no_gradient;
  const torch::Tensor volume = c.tensor("/test/volume").to(type).permute({2, 0, 1}).unsqueeze(1).contiguous();
  const torch::Tensor shared = c.tensor("/input/noise").to(type).expand_as(volume);
  const torch::Tensor stitched =
      Reconstructor({}, corruption, rows, columns).reconstruct(model, volume, {499}, [&](std::int64_t) {
        return shared;
      });
  c.expect("/test/stitched_499", stitched.squeeze(1).permute({1, 2, 0}), type);
}

INSTANTIATE_TEST_SUITE_P(parity, PatchedParity, testing::ValuesIn(parity::cases_named({"pddpm"})),
                         parity::label);

}  // namespace
}  // namespace gyrus
