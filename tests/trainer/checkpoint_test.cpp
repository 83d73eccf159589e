#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <fstream>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/checkpoint/format.hpp"
#include "trainer/checkpoint/resume.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class Checkpoint : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("gyrus_checkpoint_" + std::to_string(::getpid()));
    fs::remove_all(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  static TrainState state(std::int64_t step) {
    TrainState s;
    s.step = step;
    s.samples = 8 * step;
    s.weights = {{"a.weight", torch::arange(6, torch::kFloat32).view({2, 3}) + step},
                 {"b", torch::tensor(2.5f)}};
    s.optimizer = {{"first.b", torch::tensor(0.5f)}};
    s.fixed_options = {{"seed", "1"}};
    s.metrics = {{"dice", 0.25}};
    return s;
  }
  static std::string message_of(const std::function<void()>& action) {
    try {
      action();
    } catch (const DataError& problem) {
      return problem.what();
    }
    return "no error";
  }
  static void flip_bit(const fs::path& file, std::uint64_t offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(stream.get() ^ 1);
    stream.seekp(static_cast<std::streamoff>(offset));
    stream.put(byte);
  }

  fs::path folder_;
};

TEST_F(Checkpoint, ComesBackAsItWas) {
  const CheckpointStore store(folder_);
  const auto path = store.save(state(3), true, 2);
  EXPECT_EQ(path.filename(), "step-000000003");
  const TrainState read = read_checkpoint(path);
  EXPECT_EQ(read.step, 3);
  EXPECT_EQ(read.samples, 24);
  EXPECT_TRUE(read.weights.at("a.weight").equal(state(3).weights.at("a.weight")));
  EXPECT_EQ(read.weights.at("b").dim(), 0);
  EXPECT_TRUE(read.average.empty());
  EXPECT_EQ(read.fixed_options, state(3).fixed_options);
  EXPECT_EQ(read.metrics.at("dice"), 0.25);
  EXPECT_EQ(weights_digest(read.weights), inspect_checkpoint(path, true).weights_digest);
  EXPECT_EQ(read_file(folder_ / "latest"), "step-000000003\n");
}

TEST_F(Checkpoint, NegativeStepsAreRefused) {
  TrainState impossible = state(3);
  impossible.optimizer_steps = -2;
  const auto path = CheckpointStore(folder_).save(impossible, true, 2);
  EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("has a negative number of steps"));
}

TEST_F(Checkpoint, OldOnesGoButNeverTheBest) {
  const CheckpointStore store(folder_);
  store.save(state(1), true, 2);
  for (const std::int64_t step : {2, 3, 4}) store.save(state(step), false, 2);
  std::vector<std::int64_t> steps;
  for (const auto& info : store.list(true)) steps.push_back(info.step);
  EXPECT_EQ(steps, (std::vector<std::int64_t>{1, 3, 4}));
  EXPECT_EQ(store.best()->filename(), "step-000000001");
}

TEST_F(Checkpoint, TheOneJustWrittenStaysBehindNewerOnes) {
  const CheckpointStore store(folder_);
  for (const std::int64_t step : {500, 600, 200}) store.save(state(step), false, 1);
  EXPECT_TRUE(store.has(200));
  EXPECT_EQ(read_file(folder_ / "latest"), "step-000000200\n");
}

TEST_F(Checkpoint, TheBestDoesNotCountAsKept) {
  const CheckpointStore store(folder_);
  store.save(state(1), false, 1);
  store.save(state(2), true, 1);
  store.save(state(3), false, 1);
  EXPECT_FALSE(store.has(1));
  EXPECT_TRUE(store.has(2));
  EXPECT_TRUE(store.has(3));
}

TEST_F(Checkpoint, AValidationAfterwardsAddsItsMetricsAndChangesNothingElse) {
  const CheckpointStore store(folder_);
  const auto path = store.save(state(3), false, 2);
  store.add_metrics(3, {{"dice", 0.75}}, true);
  const CheckpointInfo info = inspect_checkpoint(path, /*deep=*/true);
  EXPECT_TRUE(info.valid) << info.problem;
  EXPECT_EQ(info.metrics.at("dice"), 0.75);
  EXPECT_EQ(store.best(), path);
  EXPECT_EQ(weights_digest(read_checkpoint(path).weights), weights_digest(state(3).weights));
}

TEST_F(Checkpoint, WhatKilledSavesLeftIsRemoved) {
  const CheckpointStore store(folder_);
  store.save(state(3), false, 2);
  fs::create_directories(folder_ / "step-000000004.tmp4711");
  store.remove_unfinished();
  EXPECT_FALSE(fs::exists(folder_ / "step-000000004.tmp4711"));
  EXPECT_TRUE(store.has(3));
}

TEST_F(Checkpoint, ARunWhoseCheckpointsAreGoneDoesNotStartAnew) {
  const CheckpointStore store(folder_);
  EXPECT_TRUE(choose_checkpoint(store, "auto").empty());
  fs::remove_all(store.save(state(3), false, 2));
  EXPECT_THROW(choose_checkpoint(store, "auto"), FatalStateError);
}

TEST_F(Checkpoint, AnotherRunsCheckpointIsOnlyABeginning) {
  const CheckpointStore other(folder_ / "other"), own(folder_ / "own");
  const auto beginning = other.save(state(3), false, 2);
  EXPECT_EQ(choose_checkpoint(own, beginning.string()), beginning);
  const auto newer = own.save(state(5), false, 2);
  EXPECT_EQ(choose_checkpoint(own, beginning.string()), newer);
}

TEST_F(Checkpoint, EveryFlippedBitIsFoundAndTheTensorNamed) {
  const auto path = CheckpointStore(folder_).save(state(3), false, 2);
  const auto file = path / checkpoint_format::weights_file;
  const auto bytes = fs::file_size(file);
  for (std::uint64_t offset = 0; offset < bytes; ++offset) {
    flip_bit(file, offset);
    EXPECT_NE(message_of([&] { read_checkpoint(path); }), "no error") << "byte " << offset;
    flip_bit(file, offset);
  }
  flip_bit(file, bytes - 4);
  EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("tensor b is damaged"));
  EXPECT_FALSE(inspect_checkpoint(path, true).valid);
}

TEST_F(Checkpoint, EveryFlippedBitOfTheManifestIsFound) {
  const auto path = CheckpointStore(folder_).save(state(3), false, 2);
  const auto file = path / checkpoint_format::manifest_file;
  for (std::uint64_t offset = 0; offset < fs::file_size(file); ++offset) {
    flip_bit(file, offset);
    const auto info = inspect_checkpoint(path, true);
    // White space between values may change without changing what the manifest says.
    if (info.valid) {
      EXPECT_EQ(info.weights_digest, weights_digest(state(3).weights)) << "byte " << offset;
    }
    flip_bit(file, offset);
  }
}

TEST_F(Checkpoint, TruncationAtEveryByteIsFound) {
  const auto path = CheckpointStore(folder_).save(state(3), false, 2);
  const auto file = path / checkpoint_format::weights_file;
  const std::string content = read_file(file);
  for (std::size_t size = 0; size < content.size(); ++size) {
    std::ofstream(file, std::ios::binary) << content.substr(0, size);
    EXPECT_NE(message_of([&] { read_safetensors(file); }), "no error") << size;
    EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("is truncated"));
  }
}

TEST_F(Checkpoint, AHeaderThatClaimsTooMuchAllocatesNothing) {
  fs::create_directories(folder_);
  const auto file = folder_ / "x.safetensors";
  const auto write = [&](std::uint64_t header_bytes, const std::string& header) {
    std::ofstream stream(file, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(&header_bytes), 8);
    stream << header;
  };
  write(std::uint64_t{1} << 60, "{}");
  EXPECT_THAT(message_of([&] { read_safetensors(file); }), HasSubstr("not a whole safetensors file"));
  const std::string huge =
      R"({"a":{"dtype":"F32","shape":[1000000000000,1000000000000],"data_offsets":[0,4]}})";
  write(huge.size(), huge + "abcd");
  EXPECT_THAT(message_of([&] { read_safetensors(file); }), HasSubstr("claims more bytes than the file has"));
  const std::string outside = R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})";
  write(outside.size(), outside + "abcd");
  EXPECT_THAT(message_of([&] { read_safetensors(file); }), HasSubstr("lies outside the file"));
}

TEST_F(Checkpoint, AnotherVersionOrAForeignFolderIsNamed) {
  const auto path = CheckpointStore(folder_).save(state(3), false, 2);
  std::string manifest = read_file(path / checkpoint_format::manifest_file);
  manifest.replace(manifest.find("\"version\": 1"), 12, "\"version\": 9");
  write_file_atomically(path / checkpoint_format::manifest_file, manifest);
  EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("format version 9, this gyrus reads 1"));
  write_file_atomically(path / checkpoint_format::manifest_file, R"({"format":"zarr"})");
  EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("is not a gyrus checkpoint"));
  fs::remove(path / checkpoint_format::manifest_file);
  EXPECT_THAT(message_of([&] { read_checkpoint(path); }), HasSubstr("has no manifest.json"));
}

TEST_F(Checkpoint, DigestsDependOnNamesShapesAndValuesOnly) {
  const NamedTensors one = {{"a", torch::arange(6, torch::kFloat32).view({2, 3})}};
  EXPECT_EQ(weights_digest(one),
            weights_digest({{"a", one.at("a").t().contiguous().t()}}));  // another memory format
  EXPECT_NE(weights_digest(one), weights_digest({{"b", one.at("a")}}));
  EXPECT_NE(weights_digest(one), weights_digest({{"a", one.at("a").view({3, 2})}}));
  EXPECT_NE(weights_digest(one), weights_digest({{"a", one.at("a") + 1}}));
}

}  // namespace
}  // namespace gyrus
