// Published checkpoints as states of ours: names, schedule tables, moments; and the comparison of
// checkpoints.
#include "trainer/checkpoint/import.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>

#include "launch/error.hpp"
#include "tests/support/message_of.hpp"
#include "tests/support/torch_file_tensors.hpp"
#include "tests/trainer/small_models.hpp"
#include "trainer/checkpoint/compare.hpp"
#include "trainer/checkpoint/resume.hpp"
#include "trainer/diffusion/schedule.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/initial_weights.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::Contains;
using testing::HasSubstr;
using torch_file::PickleWriter;

/// With everything that the importer has to deduce: attention, stages of different lengths.
ModelOptions published_model() {
  ModelOptions options = test::small_model();
  options.condition_dim = 6;
  options.unet.head_width = 8;
  options.unet.attention_factors = {2};
  options.encoder.blocks = {1, 2};
  return options;
}

/// Writes a model as the published code would; members change what a test is about.
struct PublishedFile {
  explicit PublishedFile(const ModelOptions& options = published_model()) : model(options) {
    initialise_weights(model, 1);
    const Schedule schedule(num_timesteps);
    extra["diffusion.betas"] = torch::tensor(schedule.beta, torch::kFloat64).to(torch::kFloat32);
    extra["diffusion.sqrt_alphas_cumprod"] = schedule.sqrt_alpha_bar;
    extra["encoder.encoder.bn1.num_batches_tracked"] = torch::tensor(8520, torch::kInt64);
  }
  ~PublishedFile() { fs::remove(path); }

  void write() {
    PickleWriter p;
    p.raw("}(").text("epoch").integer(2).text("global_step").integer(24).text("state_dict").raw("}(");
    NamedTensors state = extra;
    std::int64_t index = 0;
    PickleWriter moments;
    for (const auto& item : model.named_parameters()) {
      if (item.key() != left_out) storages.add(p.text(item.key()), item.value());
      moments.integer(index++).raw("}(").text("step").integer(24);
      storages.add(moments.text("exp_avg"), torch::full_like(item.value(), 0.5) * static_cast<double>(index));
      if (item.key() != without_second)
        storages.add(moments.text("exp_avg_sq"), torch::full_like(item.value(), 0.25));
      moments.raw("u");
    }
    for (const auto& item : model.named_buffers()) state[item.key()] = item.value();
    for (const auto& [name, value] : state) storages.add(p.text(name), value);
    const std::string all = moments.finish();
    p.raw("u").text("optimizer_states").raw("]}").text("state").raw("}(");
    p.raw(std::string_view(all).substr(2, all.size() - 3)).raw("usau");
    storages.entries.push_back({"archive/data.pkl", p.finish()});
    std::ofstream(path, std::ios::binary) << torch_file::zip_of(storages.entries);
  }
  TrainState import() {
    write();
    checkpoint = read_published(path);
    return import_state(checkpoint, layout_of(model), 32, path);
  }
  std::string refusal() {
    const std::string message = message_of<DataError>([&] { import(); });
    EXPECT_THAT(message, HasSubstr(path.string()));
    return message;
  }

  DiffusionModel model;
  NamedTensors extra;
  std::string left_out, without_second;
  torch_file::StorageEntries storages;
  fs::path path = fs::temp_directory_path() / ("gyrus_import_" + std::to_string(::getpid()) + ".ckpt");
  PublishedCheckpoint checkpoint;
};

TEST(Import, WeightsMomentsAndStepsComeAcross) {
  PublishedFile file;
  const TrainState state = file.import();
  EXPECT_EQ(state.step, 24);
  EXPECT_EQ(state.samples, 24 * 32);
  EXPECT_EQ(state.optimizer_steps, 24);
  EXPECT_TRUE(compare_tensors(state.weights, named_state(file.model)).empty());
  EXPECT_EQ(state.optimizer.size(), 2 * file.model.named_parameters().size());
  const std::string second = file.model.named_parameters()[1].key();
  EXPECT_EQ(state.optimizer.at("first." + second).flatten()[0].item<float>(), 1.0f);
}

TEST(Import, ComesBackFromACheckpointFolderAndFitsAnyRunOfItsModel) {
  PublishedFile file;
  const fs::path folder = fs::temp_directory_path() / ("gyrus_imported_" + std::to_string(::getpid()));
  const TrainState state = read_checkpoint(CheckpointStore(folder).save(file.import(), true, 1));
  EXPECT_EQ(best_or_newest(folder / "step-000000024"), folder / "step-000000024");
  fs::remove_all(folder);
  EXPECT_EQ(state.imported_from, file.path.string());
  EXPECT_TRUE(state.fixed_options.empty());
  DiffusionModel other(published_model());
  load_tensors(other, state.weights, "the import");
  EXPECT_TRUE(compare_tensors(named_state(other), named_state(file.model)).empty());
}

TEST(Import, TheModelIsDeducedFromItsTensors) {
  PublishedFile file;
  file.import();
  const auto deduced = deduce_model(file.checkpoint, "x");
  for (const char* option : {"model.base_width=8", "model.blocks=1", "model.multipliers=[1,2]",
                             "model.attention_factors=[2]", "model.conditioning=encoder",
                             "model.condition_dim=6", "model.encoder.width=4", "model.encoder.blocks=[1,2]"})
    EXPECT_THAT(deduced, Contains(option));
  ModelOptions unconditioned = published_model();
  unconditioned.conditioning = "none";
  unconditioned.unet.multipliers = {1, 2, 2, 4};
  unconditioned.unet.blocks = 2;
  PublishedFile plain(unconditioned);
  plain.import();
  const auto of_plain = deduce_model(plain.checkpoint, "x");
  for (const char* option : {"model.blocks=2", "model.multipliers=[1,2,2,4]", "model.conditioning=none"})
    EXPECT_THAT(of_plain, Contains(option));
}

TEST(Import, AnotherModelIsDescribedByItsNames) {
  PublishedFile file;
  file.left_out = "diffusion.model.out.2.bias";
  file.extra["diffusion.model.more"] = torch::zeros({2});
  EXPECT_THAT(file.refusal(),
              AllOf(HasSubstr("1 missing: diffusion.model.out.2.bias"),
                    HasSubstr("1 unexpected: diffusion.model.more"), HasSubstr("model=ddpm")));
  PublishedFile other;
  other.write();
  ModelOptions wider = published_model();
  wider.unet.base_width = 16;
  const auto import_wider = [&] {
    import_state(read_published(other.path), layout_of(DiffusionModel(wider)), 32, other.path);
  };
  EXPECT_THAT(message_of<DataError>(import_wider),
              HasSubstr("diffusion.model.time_embed.0.weight F32[32,8] instead of F32[64,16]"));
}

TEST(Import, OtherTypesAreNamed) {
  PublishedFile file;
  file.left_out = "diffusion.model.out.2.bias";
  file.extra[file.left_out] = torch::zeros({1}, torch::kHalf);
  EXPECT_THAT(file.refusal(), HasSubstr("diffusion.model.out.2.bias F16[1] instead of F32[1]"));
}

TEST(Import, AnotherScheduleIsRefused) {
  PublishedFile file;
  file.extra["diffusion.betas"][700] *= 1.001;
  EXPECT_THAT(file.refusal(),
              AllOf(HasSubstr("schedule table diffusion.betas has"), HasSubstr("at step 700 instead of")));
  PublishedFile shorter;
  shorter.extra["diffusion.alphas_cumprod"] = torch::ones({100});
  EXPECT_THAT(shorter.refusal(), HasSubstr("schedule table diffusion.alphas_cumprod is F32 [100]"));
  PublishedFile not_a_number;
  not_a_number.extra["diffusion.betas"][3] = std::nan("");
  EXPECT_THAT(not_a_number.refusal(), HasSubstr("has nan at step 3"));
}

TEST(Import, IncompleteMomentsAreLeftOut) {
  PublishedFile file;
  file.without_second = "diffusion.model.out.2.bias";
  const TrainState state = file.import();
  EXPECT_TRUE(state.optimizer.empty());
  EXPECT_EQ(state.optimizer_steps, 0);
  EXPECT_EQ(state.step, 24);
  EXPECT_THAT(file.checkpoint.moments_problem, HasSubstr("has no possible step, exp_avg and exp_avg_sq"));
}

TEST(CompareTensors, NamesShapesTypesAndValues) {
  const NamedTensors one = {{"a", torch::tensor({1.0f, 2.0f})},
                            {"b", torch::zeros({2})},
                            {"c", torch::zeros({2})},
                            {"d", torch::zeros({2})},
                            {"nan", torch::full({1}, std::nan(""))}};
  EXPECT_TRUE(compare_tensors(one, one).empty());
  NamedTensors two = one;
  two["a"] = torch::tensor({1.0f, 4.0f});
  two["b"] = torch::zeros({3});
  two["c"] = torch::zeros({2}, torch::kFloat64);
  two.erase("d");
  two["e"] = torch::zeros({1});
  two["nan"] = torch::zeros({1});
  const auto found = compare_tensors(one, two);
  ASSERT_EQ(found.size(), 6u);
  EXPECT_EQ(found[0].what, "values");
  EXPECT_EQ(found[0].absolute, 2.0);
  EXPECT_EQ(found[0].relative, 0.5);
  EXPECT_EQ(found[1].what, "shape [2] and [3]");
  EXPECT_EQ(found[2].what, "type Float and Double");
  EXPECT_EQ(found[3].what, "only in the first");
  EXPECT_TRUE(std::isinf(found[4].absolute));
  EXPECT_EQ(found[5].what, "only in the second");
}

}  // namespace
}  // namespace gyrus
