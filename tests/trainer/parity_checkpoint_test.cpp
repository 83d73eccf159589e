// Case 15: the layout of the published checkpoints, a small one of them, value by value, and full ones, whose
// import gives the outputs of the other cases.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <fstream>

#include "launch/error.hpp"
#include "tests/support/parity.hpp"
#include "tests/support/torch_file_tensors.hpp"
#include "tests/trainer/cddpm_reconstruction.hpp"
#include "trainer/checkpoint/encoder_init.hpp"
#include "trainer/checkpoint/import.hpp"
#include "trainer/checkpoint/store.hpp"
#include "trainer/models/diffusion_model.hpp"
#include "trainer/models/spark.hpp"
#include "trainer/state_tensors.hpp"

namespace gyrus {
namespace {

using parity::Case;
using testing::HasSubstr;
using torch_file::PickleWriter;

std::filesystem::path sample() {
  return parity::folder() / "sample_reference.ckpt";
}

#define SKIP_WITHOUT_THE_CASE()                                             \
  if (!Case::available("checkpoint") || !std::filesystem::exists(sample())) \
  GTEST_SKIP() << "skipped: no parity case checkpoint with its sample_reference.ckpt at " << parity::folder()

/// One tensor of a layout.
struct Row {
  std::string name, kind, dtype;
  std::vector<std::int64_t> shape;
  bool is_parameter;
  double offset, scale;
};

std::vector<Row> rows_of(const Case& c, const std::string& group) {
  const auto names = c.texts(group + "/name"), kinds = c.texts(group + "/kind"),
             dtypes = c.texts(group + "/dtype");
  const auto ndim = c.integers(group + "/ndim"), is_parameter = c.integers(group + "/is_parameter");
  const torch::Tensor shape = c.tensor(group + "/shape"), offset = c.tensor(group + "/offset"),
                      scale = c.tensor(group + "/scale");
  std::vector<Row> rows;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    std::vector<std::int64_t> extents;
    for (std::int64_t d = 0; d < ndim[i]; ++d) extents.push_back(shape[row][d].item<std::int64_t>());
    rows.push_back({names[i], kinds[i], dtypes[i], extents, is_parameter[i] != 0, offset[row].item<double>(),
                    scale[row].item<double>()});
  }
  return rows;
}

bool is_state_of_ours(const Row& row) {
  return row.kind != "counter" && row.kind != "constant";
}

TEST(CheckpointParity, OurModelsHaveThePublishedNamesShapesAndOrder) {
  SKIP_WITHOUT_THE_CASE();
  const Case c("checkpoint");
  for (const std::string group : {"cddpm", "ddpm"}) {
    ModelOptions options;
    options.conditioning = group == "cddpm" ? "encoder" : "none";
    const ModelLayout layout = layout_of(DiffusionModel(options));
    std::map<std::string, std::vector<std::int64_t>> ours(layout.parameters.begin(), layout.parameters.end());
    ours.insert(layout.buffers.begin(), layout.buffers.end());
    std::vector<ModelLayout::Entry> parameters;
    for (const Row& row : rows_of(c, "/" + group)) {
      if (row.is_parameter) parameters.emplace_back(row.name, row.shape);
      if (!is_state_of_ours(row)) continue;
      ASSERT_TRUE(ours.contains(row.name)) << row.name;
      EXPECT_EQ(ours.at(row.name), row.shape) << row.name;
      EXPECT_EQ(row.dtype, "float32") << row.name;
      ours.erase(row.name);
    }
    EXPECT_TRUE(ours.empty()) << "the published checkpoint has no " << ours.begin()->first;
    std::set<std::string> names;
    for (const auto& [name, unused] : layout.parameters) names.insert(name);
    EXPECT_EQ(names.size(), parameters.size());
    for (const auto& [name, unused] : parameters) EXPECT_TRUE(names.contains(name)) << name;
  }
}

torch::Tensor tensor_of(const PublishedTensor& tensor) {
  return torch::from_blob(const_cast<std::byte*>(tensor.values), tensor.shape, tensor.strides,
                          tensor.dtype == "I64" ? torch::kInt64 : torch::kFloat32)
      .clone();
}

TEST(CheckpointParity, TheSampleIsReadExactly) {
  SKIP_WITHOUT_THE_CASE();
  const Case c("checkpoint");
  const std::string salt = c.text_attribute("/", "fill_salt");
  std::map<std::string, Row> rows;
  for (Row& row : rows_of(c, "/cddpm")) rows.emplace(row.name, row);
  const PublishedCheckpoint checkpoint = read_published(sample());
  check_values(checkpoint);
  EXPECT_EQ(checkpoint.epoch, 710);
  EXPECT_EQ(checkpoint.global_step, 8520);
  ASSERT_GT(checkpoint.state.size(), 10u);
  std::int64_t index = 0;
  for (const auto& [name, tensor] : checkpoint.state) {
    ASSERT_TRUE(rows.contains(name)) << name;
    const Row& row = rows.at(name);
    EXPECT_EQ(tensor.shape, row.shape) << name;
    const torch::Tensor value = tensor_of(tensor);
    if (row.kind == "counter") {
      EXPECT_EQ(value.item<std::int64_t>(), 8520) << name;
    } else if (row.kind == "constant") {
      EXPECT_EQ(value.size(0), 1000) << name;
      const std::string table = "/T1000/" + name.substr(std::string("diffusion.").size()) + "_f32";
      if (name == "diffusion.p2_loss_weight") {
        EXPECT_TRUE(value.equal(torch::ones({1000})));
      } else if (Case::available("schedule")) {
        EXPECT_TRUE(value.equal(Case("schedule").tensor(table).to(torch::kFloat32))) << name;
      }
    } else {
      EXPECT_TRUE(value.equal(parity::fill(salt, name, tensor.shape, row.offset, row.scale, torch::kFloat32)))
          << name;
    }
    if (!row.is_parameter) continue;
    const PublishedMoments& moments = checkpoint.moments.at(index++);
    EXPECT_EQ(moments.step, 8520) << name;
    EXPECT_TRUE(tensor_of(moments.first)
                    .equal(parity::fill(salt + "/exp_avg", name, tensor.shape, 0.0, 1e-3, torch::kFloat32)))
        << name;
    EXPECT_TRUE(
        tensor_of(moments.second)
            .equal(parity::fill(salt + "/exp_avg_sq", name, tensor.shape, 1e-6, 5e-7, torch::kFloat32)))
        << name;
  }
  EXPECT_EQ(checkpoint.moments.size(), static_cast<std::size_t>(index));
  EXPECT_TRUE(checkpoint.skipped_classes.contains("omegaconf.dictconfig.DictConfig"));
}

TEST(CheckpointParity, TheSampleIsNoWholeModel) {
  SKIP_WITHOUT_THE_CASE();
  const PublishedCheckpoint checkpoint = read_published(sample());
  try {
    import_state(checkpoint, layout_of(DiffusionModel(ModelOptions())), 32, sample());
    FAIL() << "a part of a model was imported";
  } catch (const DataError& problem) {
    EXPECT_THAT(problem.what(), HasSubstr("missing:"));
  }
}

/// A checkpoint of the full size as torch.save writes it: every tensor of the layout `group`, values by the
/// fill.
class FullSizeFile {
 public:
  FullSizeFile(const Case& c, const std::string& group) {
    torch_file::StorageEntries storages;
    PickleWriter p;
    p.raw("}(").text("epoch").integer(710).text("global_step").integer(8520).text("state_dict").raw("}(");
    const std::string salt = c.text_attribute("/", "fill_salt");
    for (const Row& row : rows_of(c, group)) storages.add(p.text(row.name), value_of(row, salt));
    p.raw("u").text("optimizer_states").raw("]u");
    storages.entries.push_back({"archive/data.pkl", p.finish()});
    std::ofstream(path_, std::ios::binary) << torch_file::zip_of(storages.entries);
  }
  ~FullSizeFile() { std::filesystem::remove(path_); }
  FullSizeFile(const FullSizeFile&) = delete;
  FullSizeFile& operator=(const FullSizeFile&) = delete;

  TrainState import_into(const torch::nn::Module& model) const {
    return import_state(read_published(path_), layout_of(model), /*global_batch=*/32, path_);
  }

 private:
  static torch::Tensor value_of(const Row& row, const std::string& salt) {
    if (row.kind == "counter") return torch::full(row.shape, 8520, torch::kInt64);
    if (row.kind != "constant")
      return parity::fill(salt, row.name, row.shape, row.offset, row.scale, torch::kFloat32);
    if (!row.name.starts_with("diffusion.") || row.name == "diffusion.p2_loss_weight")
      return torch::ones(row.shape);
    return Case("schedule").tensor("/T1000/" + row.name.substr(10) + "_f32").to(torch::kFloat32);
  }

  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("gyrus_full_size_" + std::to_string(::getpid()) + ".ckpt");
};

TEST(CheckpointParity, AnImportedModelGivesThePublishedOutputs) {
  SKIP_WITHOUT_THE_CASE();
  if (!Case::available("schedule") || !Case::available("unet_full_cond") || !Case::available("cddpm"))
    GTEST_SKIP() << "skipped: no parity cases schedule, unet_full_cond, cddpm at " << parity::folder();
  torch::set_num_threads(1);
  DiffusionModel model{ModelOptions{}};
  load_tensors(model, FullSizeFile(Case("checkpoint"), "/cddpm").import_into(model).weights, "the import");
  const Case unet("unet_full_cond");
  {
    const torch::NoGradGuard no_gradient;
    const auto input = [&](const char* name) { return unet.tensor(name).to(torch::kFloat32); };
    unet.expect("/output",
                model.unet().forward(input("/input/x"), unet.tensor("/input/t"), input("/input/c")),
                torch::kFloat32);
  }
  expect_published_reconstruction(Case("cddpm"), model, torch::kFloat32);
}

TEST(CheckpointParity, AnImportedPretrainingGivesItsEncoder) {
  SKIP_WITHOUT_THE_CASE();
  if (!Case::available("encoder")) GTEST_SKIP() << "skipped: no parity case encoder at " << parity::folder();
  torch::set_num_threads(1);
  const SparkModel pretrained(EncoderOptions{}, SparkOptions{});
  const auto folder = std::filesystem::path(testing::TempDir()) / "gyrus_imported_spark";
  std::filesystem::remove_all(folder);
  const auto saved = CheckpointStore(folder).save(
      FullSizeFile(Case("checkpoint"), "/spark").import_into(pretrained), /*is_best=*/true, /*keep_last=*/1);

  const Case c("encoder");
  DiffusionModel model{ModelOptions{}};
  parity::fill_model(c, model.encoder(), torch::kFloat32, "encoder.encoder.");
  initialise_encoder(model, saved);
  std::filesystem::remove_all(folder);
  model.eval();
  const torch::NoGradGuard no_gradient;
  c.expect("/from_spark/output", model.encoder().forward(c.tensor("/input/x").to(torch::kFloat32)),
           torch::kFloat32);
}

}  // namespace
}  // namespace gyrus
