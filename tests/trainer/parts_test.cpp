// The smaller parts of the trainer: plan, learning rate, initial weights, noise, event files, terminal texts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/stop_signal.hpp"
#include "tests/support/message_of.hpp"
#include "trainer/diffusion/noise.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/initial_weights.hpp"
#include "trainer/optimizer.hpp"
#include "trainer/options.hpp"
#include "trainer/plan.hpp"
#include "trainer/report/run_history.hpp"
#include "trainer/report/tensorboard.hpp"
#include "trainer/report/terminal.hpp"
#include "trainer/run_directory.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

using testing::HasSubstr;

TEST(Plan, PartsTileTheGlobalBatchForEveryWorldSize) {
  for (int ranks = 1; ranks <= 10; ++ranks) {
    const Plan plan(1000, 10, ranks);
    std::int64_t next = 0;
    for (int rank = 0; rank < ranks; ++rank) {
      const auto [first, last] = plan.part(rank);
      EXPECT_EQ(first, next);
      EXPECT_GE(last - first, 10 / ranks);
      next = last;
    }
    EXPECT_EQ(next, 10);
  }
}

TEST(Plan, SamplesBecomeStepsAndTheRestIsNamed) {
  const Plan plan(107, 10, 1);
  EXPECT_EQ(plan.num_steps(), 10);
  EXPECT_EQ(plan.dropped_samples(), 7);
  std::vector<std::int64_t> crossed;
  for (std::int64_t step = 0; step < 10; ++step)
    if (plan.crosses(step, 25)) crossed.push_back(step);
  EXPECT_EQ(crossed, (std::vector<std::int64_t>{2, 4, 7, 9}));
  EXPECT_FALSE(plan.crosses(3, 0));
}

TEST(Plan, AnImpossibleOneSaysWhatToChange) {
  EXPECT_THAT(message_of<FatalStateError>([] { Plan(3, 8, 1); }),
              HasSubstr("raise max_samples or lower global_batch"));
  EXPECT_THAT(message_of<FatalStateError>([] { Plan(80, 2, 3); }), HasSubstr("start at most 2 ranks"));
}

TEST(Plan, AValidationsSamplesStartWholeEpochsAndWholeBatches) {
  const std::pair<std::int64_t, std::int64_t> sizes[] = {{3, 8}, {12, 8}, {5, 5}, {7, 1}};
  for (const auto& [count, global_batch] : sizes)
    for (std::int64_t step = 0; step < 20; ++step) {
      const auto first = static_cast<std::int64_t>(first_validation_sample(step, count, global_batch));
      EXPECT_EQ(first % count, 0);
      EXPECT_EQ(first % global_batch, 0);  // a shared field is not cut
      EXPECT_GE(first, step * count);      // and no sample is used twice
    }
}

TEST(Plan, GroupsSpanRanksOnlyWhenABorderCutsThem) {
  EXPECT_FALSE(Plan(80, 8, 2).groups_span_ranks(4));
  EXPECT_TRUE(Plan(80, 8, 2).groups_span_ranks(0));
  EXPECT_TRUE(Plan(80, 8, 3).groups_span_ranks(4));
  EXPECT_FALSE(Plan(80, 8, 1).groups_span_ranks(3));
}

TEST(LearningRate, WarmsUpThenFallsAsACosine) {
  OptimizerOptions options;
  options.lr = 0.1;
  options.schedule = "cosine";
  options.warmup_samples = 100;
  EXPECT_NEAR(options.learning_rate(49, 1100), 0.05, 1e-12);
  EXPECT_NEAR(options.learning_rate(100, 1100), 0.1, 1e-12);
  EXPECT_NEAR(options.learning_rate(600, 1100), 0.05, 1e-12);
  EXPECT_NEAR(options.learning_rate(1100, 1100), 0.0, 1e-12);
}

ModelOptions small_model() {
  ModelOptions options;
  options.condition_dim = 64;
  options.unet.base_width = 16;
  options.unet.multipliers = {1, 1, 2};
  options.unet.blocks = 1;
  options.unet.norm_groups = 8;
  options.encoder.width = 4;
  options.encoder.blocks = {1, 1};
  return options;
}

TEST(Model, FullSizeCountsEqualThePublishedOnes) {
  EXPECT_EQ(num_parameters(DiffusionModel(ModelOptions{})), 68'619'329);
  ModelOptions unconditioned;
  unconditioned.conditioning = "none";
  EXPECT_EQ(num_parameters(DiffusionModel(unconditioned)), 37'513'857);
  ModelOptions short_condition;
  short_condition.condition_dim = 128;
  EXPECT_EQ(num_parameters(DiffusionModel(short_condition).unet()), 43'871'873);
}

TEST(Model, TheSmallUnetHasTheSizeOfTheQuickstartFacts) {
  EXPECT_EQ(num_parameters(DiffusionModel(small_model()).unet()), 286'481);
}

TEST(Model, StartsAsTheZeroFunctionAndItsWeightsAreKeyedByName) {
  DiffusionModel one(small_model()), two(small_model());
  initialise_weights(one, 1);
  initialise_weights(two, 1);
  EXPECT_EQ(weights_digest(named_state(one)), weights_digest(named_state(two)));
  initialise_weights(two, 2);
  EXPECT_NE(weights_digest(named_state(one)), weights_digest(named_state(two)));
  const torch::Tensor t = torch::full({2}, 100, torch::kInt64);
  const torch::Tensor output = one.unet().forward(torch::randn({2, 1, 16, 16}), t, torch::randn({2, 64}));
  EXPECT_EQ(output.abs().max().item<double>(), 0.0);
  const torch::Tensor weight = one.named_parameters()["diffusion.model.input_blocks.1.0.in_layers.2.weight"];
  const double bound = 1.0 / std::sqrt(16.0 * 9.0);
  EXPECT_LE(weight.abs().max().item<double>(), bound);
  EXPECT_NEAR(weight.std().item<double>(), bound / std::sqrt(3.0), 0.02 * bound);
}

TEST(Model, WrongWidthsAreNamedWithBothOptions) {
  ModelOptions options = small_model();
  options.unet.norm_groups = 7;
  EXPECT_THAT(message_of<ConfigError>([&] { DiffusionModel model(options); }),
              HasSubstr("model.norm_groups = 7 does not divide the width 16"));
}

TEST(State, AWeightOfAnotherModelIsNamed) {
  DiffusionModel model(small_model());
  NamedTensors tensors = named_state(model);
  tensors["diffusion.model.out.2.bias"] = torch::zeros({3});
  EXPECT_THAT(message_of<DataError>([&] { load_tensors(model, tensors, "x"); }),
              HasSubstr("out.2.bias has shape [3], this model needs [1]"));
  tensors = named_state(model);
  tensors["more"] = torch::zeros({1});
  EXPECT_THAT(message_of<DataError>([&] { load_tensors(model, tensors, "x"); }),
              HasSubstr("tensor more that this model does not know"));
  tensors.erase("more");
  tensors.erase("diffusion.model.out.2.bias");
  EXPECT_THAT(message_of<DataError>([&] { load_tensors(model, tensors, "x"); }),
              HasSubstr("has no tensor diffusion.model.out.2.bias"));
}

TEST(Noise, DependsOnItsKeyAloneAndHasItsKnownStatistics) {
  for (const char* kind : {"simplex", "gaussian"}) {
    NoiseOptions options;
    options.kind = kind;
    const auto model = make_noise_model(options);
    torch::Tensor fields = torch::empty({40, 96, 96}), again = torch::empty({96, 96});
    for (std::int64_t i = 0; i < 40; ++i)
      model->draw(Random(1, Stream::noise, 0, i), 96, 96, fields[i].data_ptr<float>());
    model->draw(Random(1, Stream::noise, 0, 7), 96, 96, again.data_ptr<float>());
    EXPECT_TRUE(again.equal(fields[7]));
    EXPECT_FALSE(again.equal(fields[8]));
    const double rms = fields.square().mean().sqrt().item<double>();
    EXPECT_NEAR(rms, kind == std::string("simplex") ? 0.598 : 1.0,
                kind == std::string("simplex") ? 0.06 : 0.01);
  }
}

TEST(Objective, CountsBrainPixelsOnlyWhenThereIsAMask) {
  const torch::Tensor prediction = torch::zeros({2, 1, 2, 2});
  const torch::Tensor target = torch::tensor({1.f, 2.f, 3.f, 4.f, 5.f, 6.f, 7.f, 8.f}).view({2, 1, 2, 2});
  const torch::Tensor mask = torch::tensor({1.f, 0.f, 1.f, 0.f, 0.f, 0.f, 0.f, 0.f}).view({2, 1, 2, 2});
  EXPECT_TRUE(per_sample_error("l1", prediction, target, {}).equal(torch::tensor({2.5f, 6.5f})));
  EXPECT_TRUE(per_sample_error("l1", prediction, target, mask).equal(torch::tensor({2.0f, 0.0f})));
}

TEST(TensorBoard, ChecksumsFollowTheStandard) {
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
}

TEST(Terminal, NumbersAndTimesAreReadable) {
  EXPECT_EQ(format_count(1234567), "1,234,567");
  EXPECT_EQ(format_count(-1234), "-1,234");
  EXPECT_EQ(format_count(999), "999");
  EXPECT_EQ(format_duration(7500), "2 h 05 min");
  EXPECT_EQ(format_duration(200), "3 min 20 s");
  const std::string chart = format_chart("Dice", {100, 200, 300}, {0.1, 0.35, 0.5}, "samples");
  EXPECT_THAT(chart, HasSubstr("0.50 |"));
  EXPECT_THAT(chart, HasSubstr("300 samples"));
}

TEST(RunHistory, KeepsTheLastLineOfAStepAndForgivesACutOne) {
  const auto file = std::filesystem::temp_directory_path() / ("gyrus_history_" + std::to_string(::getpid()));
  std::ofstream(file) << R"({"kind":"validation","step":10,"attempt":1,"samples":80,"dice":0.1})"
                         "\n"
                      << R"({"kind":"train","step":11,"loss":1})"
                         "\n"
                      << R"({"kind":"validation","step":20,"attempt":1,"samples":160,"dice":0.2})"
                         "\n"
                      << R"({"kind":"validation","step":10,"attempt":2,"samples":80,"dice":0.3})"
                         "\n"
                      << R"({"kind":"validation","step":30,"attem)";
  const auto history = read_validations(file);
  std::filesystem::remove(file);
  ASSERT_EQ(history.size(), 2u);
  EXPECT_EQ(history[0].dice, 0.3);
  EXPECT_EQ(history[1].samples, 160);
}

TEST(StopSignal, RemembersTheSignal) {
  const StopSignal signal;
  EXPECT_EQ(signal.received(), 0);
  ::raise(SIGUSR1);
  EXPECT_EQ(signal.received(), SIGUSR1);
}

TEST(Average, FollowsTheWeightsWithTheDecayOfItsAge) {
  torch::nn::Linear model(2, 1), average(2, 1);
  const torch::NoGradGuard no_gradient;
  model->weight.fill_(1.0);
  average->weight.fill_(0.0);
  move_average(*average, *model, 0.9, 1);  // (1 + 1) / (10 + 1): young
  EXPECT_NEAR(average->weight[0][0].item<double>(), 9.0 / 11.0, 1e-6);
  average->weight.fill_(0.0);
  move_average(*average, *model, 0.9, 100'000);
  EXPECT_NEAR(average->weight[0][0].item<double>(), 0.1, 1e-6);
}

TEST(GradientClipping, NormIsOverAllGradientsAndScalingKeepsDirection) {
  torch::Tensor a = torch::zeros({2}).requires_grad_(true), b = torch::zeros({1}).requires_grad_(true);
  (3.0 * a[0] + 4.0 * a[1] + 12.0 * b[0]).backward();
  EXPECT_NEAR(gradient_norm({a, b}).item<double>(), 13.0, 1e-5);
  scale_gradients({a, b}, 1.0 / 13.0);
  EXPECT_NEAR(gradient_norm({a, b}).item<double>(), 1.0, 1e-6);
  EXPECT_NEAR(b.grad()[0].item<double>(), 12.0 / 13.0, 1e-6);
}

TEST(RunDirectory, IsHeldByOneAtATimeAndCountsAttempts) {
  const auto folder = std::filesystem::temp_directory_path() / ("gyrus_run_" + std::to_string(::getpid()));
  {
    const RunDirectory run(folder);
    EXPECT_EQ(run.attempt(), 1);
    EXPECT_THAT(message_of<ConfigError>([&] { RunDirectory second(folder); }),
                HasSubstr("is in use by host"));
    run.write_state("stopped", 2, 10, 80, "abc");
  }
  {
    const RunDirectory again(folder);
    EXPECT_EQ(again.attempt(), 2);
    EXPECT_THAT(read_file(folder / "state.json"), HasSubstr("\"status\": \"stopped\""));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace gyrus
