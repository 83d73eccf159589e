// The reader of published checkpoints: what it reads, and what it refuses. No byte of such a file may be run.
#include "trainer/checkpoint/published.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "tests/support/torch_file.hpp"
#include "trainer/checkpoint/pickle.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using torch_file::PickleWriter;
using torch_file::zip_of;

class Published : public testing::Test {
 protected:
  void SetUp() override {
    file_ = fs::temp_directory_path() / ("gyrus_published_" + std::to_string(::getpid()) + ".ckpt");
  }
  void TearDown() override { fs::remove(file_); }

  void write(const std::string& content) const { std::ofstream(file_, std::ios::binary) << content; }
  std::string refusal_of(const std::string& content) const {
    write(content);
    try {
      check_values(read_published(file_));
    } catch (const DataError& problem) {
      EXPECT_THAT(problem.what(), HasSubstr(file_.string()));
      return problem.what();
    }
    return "no error";
  }
  /// A checkpoint whose state_dict is what `write_items` writes, with a storage "0" of 6 floats.
  std::string refusal_of_state(const std::function<void(PickleWriter&)>& write_items) const {
    PickleWriter p;
    p.raw("}").text("state_dict").raw("}(");
    write_items(p);
    p.raw("us");
    return refusal_of(zip_of({{"archive/data.pkl", p.finish()}, {"archive/data/0", std::string(24, '\0')}}));
  }
  std::string refusal_of_tensor(const std::string& type, const std::string& key, std::int64_t count,
                                std::int64_t offset, const std::vector<std::int64_t>& shape,
                                const std::vector<std::int64_t>& strides) const {
    return refusal_of_state(
        [&](PickleWriter& p) { p.text("w").tensor(type, key, count, offset, shape, strides); });
  }
  /// A pickle alone.
  static std::string refusal_of_pickle(const std::string& bytes) {
    try {
      read_pickle(std::as_bytes(std::span(bytes)), "data.pkl");
    } catch (const DataError& problem) {
      EXPECT_THAT(problem.what(), AllOf(HasSubstr("data.pkl"), HasSubstr("nothing of the file was run")));
      return problem.what();
    }
    return "no error";
  }

  fs::path file_;
};

float value_at(const PublishedTensor& tensor, std::size_t i) {
  float value;
  std::memcpy(&value, tensor.values + i * sizeof value, sizeof value);
  return value;
}

TEST_F(Published, AWholeFileIsReadAndForeignObjectsAreSkipped) {
  for (const bool is_large : {false, true}) {
    write(torch_file::small_checkpoint(is_large));
    const PublishedCheckpoint checkpoint = read_published(file_);
    check_values(checkpoint);
    EXPECT_EQ(checkpoint.epoch, 3);
    EXPECT_EQ(checkpoint.global_step, 36);
    ASSERT_EQ(checkpoint.state.size(), 3u);
    const PublishedTensor& weight = checkpoint.state[0].second;
    EXPECT_EQ(checkpoint.state[0].first, "a.weight");
    EXPECT_EQ(weight.dtype, "F32");
    EXPECT_THAT(weight.shape, ElementsAre(2, 3));
    EXPECT_EQ(value_at(weight, 5), 6.0f);
    EXPECT_THAT(checkpoint.find("a.transposed")->strides, ElementsAre(1, 3));
    EXPECT_EQ(checkpoint.find("a.num_batches_tracked")->dtype, "I64");
    EXPECT_EQ(checkpoint.moments.at(0).step, 36);
    EXPECT_EQ(value_at(checkpoint.moments.at(0).second, 0), 7.0f);
    EXPECT_THAT(checkpoint.skipped_classes, ElementsAre("omegaconf.dictconfig.DictConfig"));
  }
}

TEST_F(Published, TruncationAtEveryByteIsFound) {
  const std::string whole = torch_file::small_checkpoint();
  for (std::size_t size = 0; size < whole.size(); size += 7)
    EXPECT_THAT(refusal_of(whole.substr(0, size)), HasSubstr("truncated or no zip archive")) << size;
}

TEST_F(Published, DamagedValuesAreFoundByTheChecksum) {
  std::string content = torch_file::small_checkpoint();
  content[content.find(torch_file::values_of({1, 2, 3, 4, 5, 6})) + 5] ^= 1;
  EXPECT_THAT(refusal_of(content), HasSubstr("entry archive/data/0 is damaged"));
}

TEST_F(Published, ADamagedStepIsNotBelieved) {
  std::string content = torch_file::checkpoint_with_step_at(0);
  write(content);
  EXPECT_EQ(read_published(file_).moments.at(0).step, 7);
  content[content.find(torch_file::values_of({7, 8, 9}))] ^= 1;
  EXPECT_THAT(refusal_of(content), HasSubstr("entry archive/data/2 is damaged"));
}

TEST_F(Published, MomentsOfAnImpossibleStepAreLeftOut) {
  for (const std::int64_t step : {std::int64_t{-2}, std::int64_t{1} << 40}) {
    write(torch_file::checkpoint_of_moments([&](PickleWriter& p) { p.integer(step); }));
    const PublishedCheckpoint checkpoint = read_published(file_);
    EXPECT_TRUE(checkpoint.moments.empty()) << step;
    EXPECT_THAT(checkpoint.moments_problem, HasSubstr("parameter 0 has no possible step"));
  }
}

TEST_F(Published, OtherArchivesAreNamed) {
  EXPECT_THAT(refusal_of("not a zip archive, but long enough for an end record"), HasSubstr("no end record"));
  EXPECT_THAT(refusal_of(zip_of({{"word/document.xml", "x"}})), HasSubstr("has no entry /data.pkl"));
  EXPECT_THAT(refusal_of(zip_of({{"a/data.pkl", "x"}, {"b/data.pkl", "x"}})), HasSubstr("several entries"));
  EXPECT_THAT(refusal_of(zip_of({{"a/data.pkl", "x"}, {"a/data.pkl", "x"}})),
              HasSubstr("two entries a/data.pkl"));
  EXPECT_THAT(refusal_of(zip_of({{"archive/data.pkl", "x", 8}})),
              AllOf(HasSubstr("entry archive/data.pkl is compressed"), HasSubstr("save it anew")));
  EXPECT_THAT(refusal_of(zip_of({{"archive/data.pkl", PickleWriter().raw("}").finish()}})),
              HasSubstr("has no state_dict"));
  EXPECT_THAT(refusal_of(zip_of({{"archive/data.pkl", "x"}, {"archive/byteorder", "big"}})),
              HasSubstr("byte order big"));
  fs::remove(file_);
  EXPECT_THROW(read_published(file_), DataError);
  EXPECT_THROW(read_published(fs::temp_directory_path()), DataError);
}

TEST_F(Published, NothingThatAFileNamesIsRun) {
  const fs::path mark = fs::temp_directory_path() / ("gyrus_hostile_" + std::to_string(::getpid()));
  const auto hostile = [&](const std::string& module, const std::string& name) {
    return refusal_of_state([&](PickleWriter& p) {
      p.text("w").import(module, name).raw("(").text("touch " + mark.string()).raw("tR");
    });
  };
  for (const auto& [module, name] : {std::pair{"os", "system"},
                                     {"posix", "system"},
                                     {"subprocess", "Popen"},
                                     {"builtins", "eval"},
                                     {"__builtin__", "getattr"}})
    EXPECT_THAT(hostile(module, name), HasSubstr(std::string("asks Python to run ") + module + "." + name));
  EXPECT_THAT(
      hostile("my.module", "Weights"),
      AllOf(HasSubstr("state_dict entry w"), HasSubstr("object of my.module.Weights, which is never made")));
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(Published, OpcodesThatTorchSaveDoesNotWriteAreRefused) {
  const std::string refused = "is not one that torch.save writes";
  for (const std::string opcodes :
       {"(ios\nsystem\n", "(cos.path\njoin\no", "X\1\0\0\0aX\1\0\0\0b\x93", "\x82\1", "\x83\1\0", "Pid\n",
        "0", "2", "I1\n", "S'a'\n", "\x95", "\x8c\1a", "\x94"})
    EXPECT_NE(refusal_of_pickle(PickleWriter().raw(opcodes).finish()), "no error") << opcodes;
  EXPECT_THAT(refusal_of_pickle(PickleWriter().raw("(imodule\nName\n").finish()),
              AllOf(HasSubstr("byte 3"), HasSubstr("opcode 0x69 " + refused)));
  EXPECT_THAT(refusal_of_pickle(PickleWriter().raw(std::string("X\1\0\0\0aX\1\0\0\0b\x93", 13)).finish()),
              HasSubstr("opcode 0x93 " + refused));
  EXPECT_THAT(refusal_of_pickle(PickleWriter().raw("}").finish(4)),
              HasSubstr("is not a pickle of protocol 2"));
}

TEST_F(Published, MalformedPicklesAreRefusedWithTheByte) {
  const auto refusal = [](const PickleWriter& p) { return refusal_of_pickle(p.finish()); };
  EXPECT_THAT(refusal(PickleWriter().raw("}K\1b")), "no error");
  EXPECT_THAT(refusal(PickleWriter().raw("]}b")), HasSubstr("sets attributes of a value that has none"));
  EXPECT_THAT(refusal(PickleWriter().tensor("FloatStorage", "0", 1, 0, {}, {}).raw("}b")),
              HasSubstr("sets attributes of a value that has none"));
  EXPECT_THAT(refusal(PickleWriter().text("storage").raw("\x85Q")), HasSubstr("a persistent id is not"));
  EXPECT_THAT(refusal(PickleWriter().raw("NQ")), HasSubstr("a persistent id is not"));
  EXPECT_THAT(refusal(PickleWriter().raw("h\x05")), HasSubstr("was not remembered"));
  EXPECT_THAT(refusal(PickleWriter().raw("R")), HasSubstr("byte 2: takes a value where there is none"));
  EXPECT_THAT(refusal(PickleWriter().raw("}N)R")), HasSubstr("calls a value that has no name"));
  EXPECT_THAT(refusal(PickleWriter().raw("t")), HasSubstr("a mark that is not there"));
  EXPECT_THAT(refusal(PickleWriter().raw("}(NNNu")), HasSubstr("adds a key without a value"));
  EXPECT_THAT(refusal(PickleWriter().raw("NNa")), HasSubstr("adds items to a value that holds none"));
  EXPECT_THAT(refusal(PickleWriter().raw("NN")), HasSubstr("more or less than one value"));
  EXPECT_THAT(refusal(PickleWriter().raw("X\xff\xff\xff\x7f")), HasSubstr("the pickle ends too early"));
  EXPECT_THAT(refusal(PickleWriter().raw("\x8b\xff\xff\xff\xff")), HasSubstr("the pickle ends too early"));
  EXPECT_THAT(refusal(PickleWriter().raw("cos")), HasSubstr("ends within a name"));
  EXPECT_THAT(refusal_of_pickle(""), HasSubstr("the pickle ends too early"));
}

TEST_F(Published, BombsStaySmall) {
  // 2^60 references to one list, by 60 levels of pairs; and a million levels of nesting.
  std::string doubling = "]";
  for (int i = 0; i < 60; ++i) doubling += "q\x01h\x01\x86";
  EXPECT_EQ(refusal_of_pickle(PickleWriter().raw(doubling).finish()), "no error");
  std::string nested = "N";
  for (int i = 0; i < 1'000'000; ++i) nested += "\x85";
  EXPECT_EQ(refusal_of_pickle(PickleWriter().raw(nested).finish()), "no error");
  const std::string huge(5'000'000, 'N');
  EXPECT_THROW(read_pickle(std::as_bytes(std::span(huge)), "data.pkl"), DataError);
  // A long tuple of arguments is not copied into each tensor that it makes.
  PickleWriter repeated;
  repeated.import("torch._utils", "_rebuild_tensor_v2").raw("q\x01((").text("storage");
  repeated.import("torch", "FloatStorage").text("0").text("cpu").integer(1).raw("tQ");
  repeated.raw(std::string(100'000, 'N')).raw("tq\x02");
  for (int i = 0; i < 1'000; ++i) repeated.raw("h\x01h\x02R\x86");
  repeated.raw("\x86");
  const std::string bytes = repeated.finish();
  const Pickle pickle = read_pickle(std::as_bytes(std::span(bytes)), "data.pkl");
  std::size_t tensors = 0, items = 0;
  for (const PickleNode& node : pickle.nodes) {
    tensors += node.kind == PickleNode::Kind::tensor;
    items += node.kind == PickleNode::Kind::tensor ? node.items.size() : 0;
  }
  EXPECT_EQ(tensors, 1'000u);
  EXPECT_EQ(items, 4'000u);
  PickleWriter circle;
  circle.raw("}q\x01").text("state_dict").raw("h\x01s");
  EXPECT_THAT(refusal_of(zip_of({{"archive/data.pkl", circle.finish()}})),
              HasSubstr("state_dict entry state_dict"));
}

TEST_F(Published, TensorsOutsideTheirStorageAreRefused) {
  EXPECT_EQ(refusal_of_tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1}), "no error");
  EXPECT_EQ(refusal_of_tensor("FloatStorage", "0", 6, 6, {0, 3}, {3, 1}), "no error");
  const std::string outside = "state_dict entry w lies outside its storage of 6 values";
  const std::int64_t huge = std::int64_t{1} << 62;
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 1, {2, 3}, {3, 1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 0, {2, 3}, {4, 1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, -1, {2}, {1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, -1, {}, {}), HasSubstr(outside));
  EXPECT_THAT(refusal_of(torch_file::checkpoint_with_step_at(-1)),
              HasSubstr("the optimizer's step lies outside its storage of 6 values"));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 0, {-2}, {1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 5, {2}, {-1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 0, {huge, huge}, {huge, 1}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 0, {huge, huge}, {0, 0}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, huge, {1, 3}, {huge, huge}), HasSubstr(outside));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 6, 0, {2, 3}, {1}), HasSubstr("has a malformed shape"));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "9", 6, 0, {2}, {1}),
              HasSubstr("archive/data/9, which the archive lacks"));
  EXPECT_THAT(refusal_of_tensor("FloatStorage", "0", 60, 0, {2}, {1}),
              HasSubstr("24 bytes, 60 values of type F32"));
  EXPECT_THAT(refusal_of_tensor("ComplexFloatStorage", "0", 6, 0, {2}, {1}),
              HasSubstr("a type that gyrus does not read"));
  EXPECT_THAT(refusal_of_state([](PickleWriter& p) { p.text("w").integer(3); }),
              HasSubstr("entry w is no tensor"));
  EXPECT_THAT(refusal_of_state([](PickleWriter& p) { p.integer(3).raw("N"); }),
              HasSubstr("a name in state_dict is no text"));
  EXPECT_THAT(refusal_of_state([](PickleWriter& p) {
                for (int i = 0; i < 2; ++i) p.text("w\x1b[2J").tensor("FloatStorage", "0", 6, 0, {2}, {1});
              }),
              HasSubstr("state_dict has w?[2J twice"));
}

}  // namespace
}  // namespace gyrus
