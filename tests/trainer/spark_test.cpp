// Masked pre-training: what the encoder sees, what counts, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <memory>
#include <numeric>
#include <vector>

#include "launch/error.hpp"
#include "tests/trainer/small_models.hpp"
#include "trainer/models/batch_norm.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/options.hpp"

namespace gyrus {
namespace {

using test::scatter_weights;
using test::small_encoder;
using test::small_spark;
using testing::AllOf;
using testing::HasSubstr;

TEST(Spark, HiddenPixelsDoNotReachTheEncoder) {
  SparkModel model(small_encoder(), small_spark());
  scatter_weights(model);
  torch::manual_seed(6);
  const torch::Tensor slices = torch::rand({2, 1, 24, 24});
  torch::Tensor visible = torch::zeros({2, 1, 3, 3});
  visible.slice(2, 0, 1).fill_(1.0f);
  const torch::Tensor hidden = VisibleCells(visible).over(slices) == 0;
  const torch::Tensor other = torch::where(hidden, torch::rand_like(slices), slices);
  for (const bool training : {false, true}) {
    model.train(training);
    EXPECT_TRUE(model.forward(slices, visible).equal(model.forward(other, visible))) << training;
  }
}

TEST(Spark, StatisticsOfASparseMapAreThoseOfItsActivePositions) {
  GroupBatchNorm sparse(3, std::make_shared<SampleGroups>()), dense(3, std::make_shared<SampleGroups>());
  torch::manual_seed(7);
  const torch::Tensor active = (torch::rand({4, 1, 5, 5}) > 0.4).to(torch::kFloat64);
  sparse.to(torch::kFloat64);
  dense.to(torch::kFloat64);
  torch::Tensor x = (torch::randn({4, 3, 5, 5}, torch::kFloat64) * active).requires_grad_(true);
  const torch::Tensor rows = x.permute({0, 2, 3, 1}).reshape({-1, 3});
  const torch::Tensor index = active.flatten().nonzero().squeeze(1);
  const torch::Tensor r = torch::randn({index.size(0), 3}, torch::kFloat64);

  const torch::Tensor y = sparse.forward(x, active);
  EXPECT_EQ((y * (1 - active)).abs().sum().item<double>(), 0.0);
  const torch::Tensor gathered = y.permute({0, 2, 3, 1}).reshape({-1, 3}).index_select(0, index);
  const torch::Tensor g = torch::autograd::grad({(gathered * r).sum()}, {x})[0];

  torch::Tensor picked = rows.index_select(0, index).t().unsqueeze(0).unsqueeze(3);  // [1, 3, n, 1]
  const torch::Tensor expected = dense.forward(picked).squeeze(3).squeeze(0).t();
  EXPECT_TRUE(gathered.allclose(expected, 1e-10, 1e-12));
  const torch::Tensor expected_gradient = torch::autograd::grad({(expected * r).sum()}, {x})[0];
  EXPECT_TRUE(g.allclose(expected_gradient, 1e-8, 1e-10));
}

TEST(Spark, MasksHideTheirShareAndSeeBrainWhereThereIsSome) {
  EXPECT_EQ(num_visible_cells(9, 0.65), 3);
  EXPECT_EQ(num_visible_cells(9, 0.99), 1);
  EXPECT_EQ(num_visible_cells(4, 0.01), 3);
  std::vector<std::uint8_t> brain(9, 0);
  brain[4] = 1;
  SparkOptions options;
  std::int64_t without = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    const auto visible = draw_visible_cells(options, Random(1, Stream::spark_mask, 0, i), brain);
    EXPECT_EQ(std::accumulate(visible.begin(), visible.end(), 0), 3);
    EXPECT_EQ(visible[4], 1);
    options.mask_needs_brain = false;
    without += draw_visible_cells(options, Random(1, Stream::spark_mask, 0, i), brain)[4];
    options.mask_needs_brain = true;
  }
  EXPECT_NEAR(static_cast<double>(without) / 200.0, 1.0 / 3.0, 0.12);
  const auto anywhere =
      draw_visible_cells(options, Random(1, Stream::spark_mask, 0, 0), std::vector<std::uint8_t>(9, 0));
  EXPECT_EQ(std::accumulate(anywhere.begin(), anywhere.end(), 0), 3);
}

TEST(Spark, ErrorsCountInHiddenCellsOnly) {
  const torch::Tensor slices = torch::zeros({1, 1, 4, 4});
  torch::Tensor visible = torch::tensor({1.f, 0.f, 0.f, 1.f}).view({1, 1, 2, 2});
  torch::Tensor restored = torch::full({1, 1, 4, 4}, 10.0f);
  restored.slice(2, 0, 2).slice(3, 2, 4).fill_(2.0f);
  restored.slice(2, 2, 4).slice(3, 0, 2).fill_(1.0f);
  EXPECT_EQ(masked_cell_error(restored, slices, visible).item<float>(), 4.0f + 1.0f);
}

TEST(Spark, WhatDoesNotFitIsRefused) {
  EncoderOptions group = small_encoder();
  group.norm = "group";
  EXPECT_THAT(message_of<ConfigError>([&] { SparkModel(group, small_spark()); }),
              AllOf(HasSubstr("model.encoder.norm=group"), HasSubstr("model.kind=spark")));
  SparkOptions narrow;
  narrow.decoder_width = 20;
  EXPECT_THAT(message_of<ConfigError>([&] { SparkModel(small_encoder(), narrow); }),
              AllOf(HasSubstr("model.spark.decoder_width = 20"), HasSubstr("multiple of 8")));
  Options options;
  options.model.kind = "spark";
  options.checkpoint.metric = "loss";
  options.data.name = "phantom";
  options.data.kind = "phantom";
  options.data.root = "somewhere";
  EXPECT_THAT(message_of<ConfigError>([&] { options.validate(); }),
              AllOf(HasSubstr("data.image_size 48 x 48"), HasSubstr("cells of 32 pixels")));
  options.model.encoder.blocks = {1, 1, 1};
  options.trainer.micro_batch = 2;
  EXPECT_THAT(message_of<ConfigError>([&] { options.validate(); }), HasSubstr("trainer.micro_batch"));
  options.trainer.micro_batch = 0;
  options.checkpoint.metric = "dice";
  EXPECT_THAT(message_of<ConfigError>([&] { options.validate(); }), HasSubstr("checkpoint.metric=dice"));
  options.checkpoint.metric = "loss";
  options.validate();
  const auto refusal_of = [&](auto change) {
    Options changed = options;
    change(changed.model);
    return message_of<ConfigError>([&] { changed.validate(); });
  };
  const std::string refused = "have nothing to act on with model.kind=spark";
  EXPECT_THAT(refusal_of([](ModelOptions& model) { model.encoder.init = "runs/x"; }), HasSubstr(refused));
  EXPECT_THAT(refusal_of([](ModelOptions& model) { model.condition_dropout = 0.1; }), HasSubstr(refused));
  EXPECT_THAT(refusal_of([](ModelOptions& model) { model.unet.injection = "film"; }), HasSubstr(refused));
}

}  // namespace
}  // namespace gyrus
