// The choices of the method: corruption regions, objectives, conditioning, encoders.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include "launch/error.hpp"
#include "tests/trainer/small_models.hpp"
#include "trainer/checkpoint/encoder_init.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/diffusion/corruption.hpp"
#include "trainer/diffusion/objective.hpp"
#include "trainer/diffusion/reconstruct.hpp"
#include "trainer/diffusion/training_inputs.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/initial_weights.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/options.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

using test::scatter_weights;
using test::small_encoder;
using test::small_model;
using test::small_spark;
using testing::AllOf;
using testing::HasSubstr;

CorruptionOptions boxes_of(const std::string& region, std::vector<std::int64_t> box,
                           std::vector<std::int64_t> stride = {}) {
  CorruptionOptions options;
  options.region = region;
  options.box = std::move(box);
  options.stride = std::move(stride);
  return options;
}

Batch batch_of(std::int64_t count, std::int64_t rows, std::int64_t columns) {
  Batch batch;
  batch.height = rows;
  batch.width = columns;
  for (std::int64_t i = 0; i < count; ++i) {
    Sample sample;
    sample.global_index = static_cast<std::uint64_t>(i);
    sample.id = static_cast<std::uint64_t>(100 + i);
    batch.samples.push_back(sample);
  }
  const auto pixels = static_cast<std::size_t>(count * rows * columns);
  for (std::size_t i = 0; i < pixels; ++i) batch.images.push_back(static_cast<float>(i % 7) / 7.0f);
  batch.masks.assign(pixels, 1);
  return batch;
}

// ----------------------------------------------------------------------------------------------------------
// corruption

TEST(Corruption, BoxesOfAGridTileTheSliceAndRandomOnesStayInside) {
  const auto grid = make_corruption(boxes_of("grid", {8, 12}), 16, 24)->boxes();
  EXPECT_EQ(grid.size(), 4u);
  EXPECT_TRUE(box_masks(grid, 16, 24).sum(0).equal(torch::ones({1, 16, 24})));

  const auto random = make_corruption(boxes_of("random", {8, 12}), 16, 24);
  std::set<std::pair<std::int64_t, std::int64_t>> corners;
  for (std::uint64_t i = 0; i < 500; ++i) {
    const Box box = random->draw(Random(1, Stream::corruption_box, 0, i));
    EXPECT_TRUE(box.row >= 0 && box.row + 8 <= 16 && box.column >= 0 && box.column + 12 <= 24);
    corners.emplace(box.row, box.column);
  }
  EXPECT_GT(corners.size(), 90u);  // of 9 x 13
}

TEST(Corruption, WeightsOfOverlappingBoxesSumToOne) {
  const auto boxes = make_corruption(boxes_of("grid", {8, 8}, {4, 8}), 16, 16)->boxes();
  ASSERT_EQ(boxes.size(), 6u);
  for (const char* merge : {"cut", "average"}) {
    const torch::Tensor weights = merge_weights(boxes, 16, 16, merge);
    EXPECT_TRUE(weights.sum(0).allclose(torch::ones({1, 16, 16}))) << merge;
    EXPECT_TRUE(((weights == 0) | (box_masks(boxes, 16, 16) > 0)).all().item<bool>()) << merge;
  }
  // Boxes at rows 0, 4, 8: cut in the middle of their overlaps.
  const torch::Tensor cut = merge_weights(boxes, 16, 16, "cut").select(3, 0).squeeze(1);
  EXPECT_EQ(cut[0].sum().item<float>(), 6.0f);
  EXPECT_EQ(cut[2].sum().item<float>(), 4.0f);
  EXPECT_EQ(cut[4].sum().item<float>(), 6.0f);
}

TEST(Corruption, BoxesThatDoNotTileAreRefused) {
  const auto message = [](std::vector<std::int64_t> box, std::vector<std::int64_t> stride = {}) {
    return message_of<ConfigError>([&] { boxes_of("grid", box, stride).validate(48, 48); });
  };
  EXPECT_THAT(message({20, 24}), AllOf(HasSubstr("corruption.box"), HasSubstr("data.image_size"),
                                       HasSubstr("48 rows with boxes of 20, 20 apart")));
  EXPECT_THAT(message({24, 24}, {24, 30}), HasSubstr("48 columns with boxes of 24, 30 apart"));
  EXPECT_THAT(message({64, 24}), HasSubstr("corruption.box has 64 rows"));
  EXPECT_THAT(message({24}), HasSubstr("two numbers each"));
  EXPECT_THAT(message({24, 0}), HasSubstr("at least 1"));
  EXPECT_EQ(message({24, 24}, {12, 8}), "no error");
}

TEST(Corruption, OutsideItsBoxASampleStaysCleanAndDoesNotCount) {
  Options options;
  options.corruption = boxes_of("grid", {4, 4});
  Batch batch = batch_of(6, 8, 8);
  const DiffusionObjective objective(options, 1, 6, 8, 8, torch::kCPU);
  objective.complete(batch);
  const DiffusionInputs inputs = objective.make_inputs(batch);
  const torch::Tensor changed = inputs.noised != inputs.clean;
  EXPECT_TRUE((changed <= (inputs.mask > 0)).all().item<bool>());
  EXPECT_TRUE(changed.any().item<bool>());
  EXPECT_TRUE(inputs.mask.sum({1, 2, 3}).equal(torch::full({6}, 16.0f)));
  // Off by one inside the box, far off outside it.
  const torch::Tensor output = torch::where(inputs.mask > 0, inputs.clean + 1, inputs.clean + 100);
  EXPECT_TRUE(objective.loss(output, inputs).allclose(torch::ones({6})));

  options.corruption.loss = "slice";
  const DiffusionObjective published(options, 1, 6, 8, 8, torch::kCPU);
  EXPECT_TRUE(published.loss(output, published.make_inputs(batch)).allclose(torch::full({6}, 0.25f)));
}

TEST(Corruption, BoxesOfAllSlicesInOneCallEqualBoxesOneByOne) {
  DiffusionModel model(small_model());
  scatter_weights(model);
  model.eval();
  const torch::NoGradGuard no_gradient;
  torch::manual_seed(1);
  const torch::Tensor slices = torch::rand({3, 1, 16, 16}), noise = torch::randn({3, 1, 16, 16});
  const Reconstructor reconstructor({}, boxes_of("grid", {8, 8}), 16, 16);
  const torch::Tensor at_once =
      reconstructor.reconstruct(model, slices, {300}, [&](std::int64_t) { return noise; });

  const Schedule schedule(num_timesteps);
  const torch::Tensor clean = to_diffusion_range(slices), t = torch::full({3}, 300, torch::kInt64);
  const torch::Tensor noised = schedule.add_noise(clean, noise, t),
                      condition = model.encoder().forward(slices);
  torch::Tensor one_by_one = torch::zeros_like(slices);
  for (const auto& box : make_corruption(boxes_of("grid", {8, 8}), 16, 16)->boxes()) {
    const torch::Tensor inside = box_masks({box}, 16, 16) > 0;
    const torch::Tensor restored = model.unet().forward(torch::where(inside, noised, clean), t, condition);
    one_by_one = torch::where(inside, to_slice_range(restored), one_by_one);
  }
  EXPECT_TRUE(at_once.allclose(one_by_one, 1e-5, 1e-6));
}

// ----------------------------------------------------------------------------------------------------------
// objective

TEST(Objective, TheTrueNoiseGivesTheCleanSliceBack) {
  const Schedule schedule(num_timesteps);
  torch::manual_seed(2);
  const torch::Tensor clean = torch::rand({3, 1, 8, 8}) * 2 - 1, noise = torch::randn({3, 1, 8, 8});
  const torch::Tensor t = torch::tensor({50, 400, 700});
  const torch::Tensor noised = schedule.add_noise(clean, noise, t);
  EXPECT_TRUE(
      make_noise_prediction(schedule, true)->clean_from(noise, noised, t).allclose(clean, 1e-4, 1e-5));
  // The published code's slice is too dark by sqrt(abar) (Q8).
  const torch::Tensor published = make_noise_prediction(schedule, false)->clean_from(noise, noised, t);
  EXPECT_TRUE(published.allclose(clean * schedule.at(schedule.sqrt_alpha_bar, t, clean), 1e-4, 1e-5));
  EXPECT_TRUE(make_noise_prediction(schedule, true)->target(clean, noise).equal(noise));
  EXPECT_TRUE(make_clean_prediction()->target(clean, noise).equal(clean));
}

TEST(Objective, APredictionOutlivesTheScheduleItWasMadeWith) {
  const Schedule schedule(num_timesteps);
  torch::manual_seed(2);
  const torch::Tensor clean = torch::rand({2, 1, 8, 8}) * 2 - 1, noise = torch::randn({2, 1, 8, 8});
  const torch::Tensor t = torch::tensor({300, 600}), noised = schedule.add_noise(clean, noise, t);
  auto gone = std::make_unique<Schedule>(num_timesteps);
  const auto prediction = make_noise_prediction(*gone, true);
  gone->sqrt_alpha_bar.reset();  // as a moved or ended owner leaves it
  gone->sqrt_one_minus_alpha_bar.reset();
  EXPECT_TRUE(prediction->clean_from(noise, noised, t).allclose(clean, 1e-4, 1e-5));

  ObjectiveOptions options;
  options.prediction = "noise";
  std::vector<Reconstructor> moved;  // growing moves the first
  for (int i = 0; i < 4; ++i) moved.emplace_back(options, CorruptionOptions{}, 16, 16);
  DiffusionModel model(small_model());
  scatter_weights(model);
  model.eval();
  const torch::NoGradGuard no_gradient;
  const torch::Tensor slices = torch::rand({2, 1, 16, 16}), field = torch::randn({2, 1, 16, 16});
  const auto restored = [&](const Reconstructor& reconstructor) {
    return reconstructor.reconstruct(model, slices, {300}, [&](std::int64_t) { return field; });
  };
  EXPECT_TRUE(restored(moved.front()).equal(restored(Reconstructor(options, {}, 16, 16))));
}

TEST(Objective, WeightsFollowTheirFormulas) {
  const Schedule schedule(num_timesteps);
  const double snr = schedule.alpha_bar[100] / (1.0 - schedule.alpha_bar[100]);
  const auto weight = [&](const std::string& kind, const std::string& prediction) {
    ObjectiveOptions options;
    options.weight = kind;
    options.prediction = prediction;
    return loss_weights(options, schedule)[100].item<double>();
  };
  EXPECT_EQ(weight("none", "x0"), 1.0);
  EXPECT_NEAR(weight("p2", "x0"), 1.0 / (1.0 + snr), 1e-7);
  EXPECT_GT(snr, 5.0);
  EXPECT_NEAR(weight("min_snr", "x0"), 5.0, 1e-6);
  EXPECT_NEAR(weight("min_snr", "noise"), 5.0 / snr, 1e-6);
}

TEST(Objective, SquaredErrorsAndWeightsReachTheLoss) {
  Options options;
  options.objective.error = "l2";
  options.objective.weight = "p2";
  Batch batch = batch_of(2, 8, 8);
  const DiffusionObjective objective(options, 1, 2, 8, 8, torch::kCPU);
  objective.complete(batch);
  const DiffusionInputs inputs = objective.make_inputs(batch);
  const torch::Tensor weights = loss_weights(options.objective, Schedule(num_timesteps));
  const torch::Tensor expected = 9.0 * weights.index_select(0, inputs.timestep);
  EXPECT_TRUE(objective.loss(inputs.clean + 3, inputs).allclose(expected));
}

TEST(Objective, StratifiedTimestepsCoverTheScheduleInEveryStep) {
  ObjectiveOptions options;
  options.timesteps = "stratified";
  for (std::uint64_t step = 0; step < 20; ++step)
    for (std::int64_t position = 0; position < 10; ++position) {
      const auto t =
          draw_timestep(options, Random(1, Stream::timestep, 0, 10 * step + position), position, 10);
      EXPECT_EQ(t / 100, position);
    }
}

// ----------------------------------------------------------------------------------------------------------
// conditioning and encoders

TEST(Conditioning, FilmStartsWithoutEffectAndThenHasOne) {
  ModelOptions options = small_model();
  options.unet.injection = "film";
  DiffusionModel model(options);
  initialise_weights(model, 1);
  const auto difference = [&] {
    const torch::NoGradGuard no_gradient;
    torch::manual_seed(3);
    const torch::Tensor x = torch::randn({2, 1, 16, 16}), t = torch::full({2}, 10, torch::kInt64);
    const torch::Tensor one = model.unet().forward(x, t, torch::zeros({2, 16}));
    return (one - model.unet().forward(x, t, torch::ones({2, 16}))).abs().max().item<double>();
  };
  {
    const torch::NoGradGuard no_gradient;
    for (const auto& item : model.named_parameters())
      if (item.key().find("film_layers") == std::string::npos)
        torch::Tensor(item.value()).add_(0.1 * torch::randn_like(item.value()));
  }
  EXPECT_EQ(difference(), 0.0);
  scatter_weights(model);
  EXPECT_GT(difference(), 1e-3);
}

TEST(Conditioning, DropoutTakesItsShareAndIsKeyedBySample) {
  Options options;
  options.model.condition_dropout = 0.25;
  const DiffusionObjective objective(options, 1, 8, 4, 4, torch::kCPU);
  const torch::Tensor keep = objective.condition_keep(batch_of(2000, 4, 4));
  EXPECT_NEAR(keep.mean().item<double>(), 0.75, 0.04);
  EXPECT_TRUE(objective.condition_keep(batch_of(100, 4, 4)).equal(keep.slice(0, 0, 100)));
}

TEST(Conditioning, OptionsWithoutEffectAreRefused) {
  const auto message = [](const std::function<void(ModelOptions&)>& change) {
    ModelOptions options = small_model("none");
    change(options);
    return message_of<ConfigError>([&] { options.validate(); });
  };
  EXPECT_THAT(message([](auto& o) { o.condition_dropout = 0.1; }), HasSubstr("model.condition_dropout"));
  EXPECT_THAT(message([](auto& o) { o.unet.injection = "film"; }), HasSubstr("model.injection=film"));
  EXPECT_THAT(message([](auto& o) { o.encoder.init = "somewhere"; }), HasSubstr("model.encoder.init"));
  EXPECT_THAT(message([](auto& o) {
                o.encoder.norm = "group";
                o.encoder.norm_group_samples = 4;
              }),
              AllOf(HasSubstr("model.encoder.norm_group_samples"), HasSubstr("model.encoder.norm=group")));
  EXPECT_THAT(message([](auto& o) {
                o.encoder.blocks = {3, 0, 6};
              }),
              AllOf(HasSubstr("model.encoder.blocks holds 0"), HasSubstr("at least 1")));
  EXPECT_THAT(message([](auto& o) { o.encoder.blocks = {-2}; }), HasSubstr("model.encoder.blocks holds -2"));
  EXPECT_EQ(message([](auto&) {}), "no error");
}

TEST(Encoder, DepthsHaveThePublishedNumbersOfParameters) {
  // torchvision's counts with three input channels and 1000 outputs, moved to one channel and 512 outputs.
  const auto count = [](const std::string& block, std::vector<std::int64_t> blocks) {
    EncoderOptions options;
    options.block = block;
    options.blocks = std::move(blocks);
    return num_parameters(ResNet(options, 512));
  };
  const std::int64_t stem = 2 * 64 * 49;  // weights of the two channels that are not there
  EXPECT_EQ(count("basic", {2, 2, 2, 2}), 11'689'512 - stem - (513 * 1000 - 513 * 512));
  EXPECT_EQ(count("basic", {3, 4, 6, 3}), 21'797'672 - stem - (513 * 1000 - 513 * 512));
  EXPECT_EQ(count("bottleneck", {3, 4, 6, 3}), 24'550'848);
}

TEST(Encoder, WithoutBatchNormsASampleDoesNotDependOnTheOthers) {
  for (const char* norm : {"batch", "group", "layer"}) {
    EncoderOptions options;
    options.width = 8;
    options.blocks = {1, 1};
    options.block = "basic";
    options.norm = norm;
    ResNet encoder(options, 5);
    scatter_weights(encoder);
    encoder.train();
    torch::manual_seed(4);
    const torch::Tensor slices = torch::rand({4, 1, 32, 32});
    const bool alone =
        encoder.forward(slices)[0].allclose(encoder.forward(slices.slice(0, 0, 1))[0], 1e-4, 1e-5);
    EXPECT_EQ(alone, norm != std::string("batch")) << norm;
    EXPECT_EQ(encoder.named_parameters().contains("layer1.0.bn2.weight"), true) << norm;
  }
}

TEST(Encoder, TheLastNormOfEveryBranchStartsAtZero) {
  for (const char* block : {"basic", "bottleneck"}) {
    ModelOptions options = small_model();
    options.encoder.block = block;
    DiffusionModel model(options);
    initialise_weights(model, 1);
    const auto parameters = model.named_parameters();
    const bool basic = block == std::string("basic");
    EXPECT_EQ(parameters["encoder.encoder.layer1.0.bn2.weight"].sum().item<float>() == 0.0f, basic);
    if (!basic) {
      EXPECT_EQ(parameters["encoder.encoder.layer1.0.bn3.weight"].sum().item<float>(), 0.0f);
    }
  }
}

// ----------------------------------------------------------------------------------------------------------
// encoders that start from another run's

class EncoderInit : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::path(testing::TempDir()) /
              (std::string("gyrus_init_") + testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::remove_all(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  /// A run folder with one checkpoint of `model`.
  void save(const torch::nn::Module& model) const {
    TrainState state;
    state.weights = named_state(model);
    CheckpointStore(folder_ / "checkpoints").save(state, /*is_best=*/true, /*keep_last=*/1);
  }

  std::filesystem::path folder_;
};

TEST_F(EncoderInit, TakesAllButTheLastLayerOfAPretraining) {
  SparkModel pretrained(small_encoder(), small_spark());
  scatter_weights(pretrained);
  save(pretrained);
  DiffusionModel model(small_model());
  initialise_weights(model, 1);
  const torch::Tensor last_layer = model.named_parameters()["encoder.encoder.fc.weight"].clone();
  initialise_encoder(model, folder_);
  const auto wanted = named_state(pretrained.encoder()), found = named_state(model.encoder());
  for (const auto& [name, tensor] : wanted) EXPECT_TRUE(found.at(name).equal(tensor)) << name;
  EXPECT_TRUE(model.named_parameters()["encoder.encoder.fc.weight"].equal(last_layer));
}

TEST_F(EncoderInit, ReadsAConditionedModelWhole) {
  DiffusionModel other(small_model()), model(small_model());
  scatter_weights(other);
  initialise_weights(model, 1);
  save(other);
  initialise_encoder(model, folder_);
  for (const auto& [name, tensor] : named_state(other.encoder()))
    EXPECT_TRUE(named_state(model.encoder()).at(name).equal(tensor)) << name;
}

TEST_F(EncoderInit, AMismatchIsNamedInFull) {
  EncoderOptions wide = small_encoder();
  wide.width = 8;
  wide.blocks = {1, 2};
  save(SparkModel(wide, small_spark()));
  DiffusionModel model(small_model());
  EXPECT_THAT(
      message_of<DataError>([&] { initialise_encoder(model, folder_); }),
      AllOf(HasSubstr("model.encoder.init="), HasSubstr("conv1.weight has shape [8, 1, 7, 7] instead of"),
            HasSubstr("layer2.1.conv1.weight is left over")));
  std::filesystem::remove_all(folder_);
  save(DiffusionModel(small_model("none")));
  EXPECT_THAT(message_of<DataError>([&] { initialise_encoder(model, folder_); }),
              HasSubstr("conv1.weight is missing"));
  EXPECT_THAT(message_of<DataError>([&] { initialise_encoder(model, folder_ / "nowhere"); }),
              HasSubstr("neither a checkpoint nor a run folder"));
}

}  // namespace
}  // namespace gyrus
