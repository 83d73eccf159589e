// What completion offers; tests/integration/completion.sh asks the shells.
#include "launch/completion.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <cstdlib>

#include "launch/error.hpp"
#include "tests/support/source_dir.hpp"

namespace gyrus {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;

struct Options {
  struct Trainer {
    std::int64_t global_batch = 8, micro_batch = 0;
    std::string precision = "fp32";
    bool ema = false;
    void fields(Fields& f) {
      f.field("global_batch", global_batch, "");
      f.field("micro_batch", micro_batch, "", {.auto_value = 0.0});
      f.field("precision", precision, "", {.choices = {"fp32", "bf16"}});
      f.field("ema", ema, "");
    }
  } trainer;
  void fields(Fields& f) { f.group("trainer", trainer); }
};

std::vector<std::string> complete(const std::vector<std::string>& words) {
  static const std::array verbs = {
      Verb{"train", "", {}, true}, Verb{"shards", "", {}, false, {"ls", "verify"}},
      Verb{"config", "", {}, true, {"show", "explain", "diff"}, false, {"diff"}, "explain"},
      Verb{"sweep", "", {}, true, {"status", "resume"}, true}};
  setenv("GYRUS_CONFIGS", (test::source_dir() / "configs").c_str(), 1);
  return complete_words(words, verbs, [](Fields& fields) {
    Options options;
    options.fields(fields);
  });
}

TEST(Completion, OffersVerbsThenTheirCommands) {
  EXPECT_THAT(complete({"s"}), ElementsAre("shards", "sweep"));
  EXPECT_THAT(complete({"shards", ""}), ElementsAre("ls", "verify"));
  EXPECT_THAT(complete({"config", "e"}), ElementsAre("explain"));
  EXPECT_THAT(complete({"nonsense", "t"}), IsEmpty());
}

TEST(Completion, OffersGroupsAndKeysLevelByLevel) {
  EXPECT_THAT(complete({"train", "tra"}), ElementsAre("trainer.", "trainer="));
  EXPECT_THAT(complete({"train", "trainer.m"}), ElementsAre("trainer.micro_batch="));
  EXPECT_THAT(complete({"train", "+exp"}), ElementsAre("+experiment="));
  EXPECT_THAT(complete({"config", "show", "mod"}), ElementsAre("model/encoder=", "model="));
  EXPECT_THAT(complete({"config", "mod"}), IsEmpty());  // a command comes first
  EXPECT_THAT(complete({"sweep", "st"}), ElementsAre("status"));
  EXPECT_THAT(complete({"sweep", "mod"}), ElementsAre("model/encoder=", "model="));
}

TEST(Completion, OffersOptionsChoicesAndTheNextValueOfASweep) {
  EXPECT_THAT(complete({"train", "noise="}), ElementsAre("noise=gaussian", "noise=simplex"));
  EXPECT_THAT(complete({"train", "trainer.precision=b"}), ElementsAre("trainer.precision=bf16"));
  EXPECT_THAT(complete({"train", "trainer.ema="}), ElementsAre("trainer.ema=false", "trainer.ema=true"));
  EXPECT_THAT(complete({"train", "trainer.micro_batch="}), ElementsAre("trainer.micro_batch=auto"));
  EXPECT_THAT(complete({"sweep", "noise=gaussian,s"}), ElementsAre("noise=gaussian,simplex"));
  EXPECT_THAT(complete({"train", "trainer.global_batch="}), IsEmpty());  // the shell offers files
}

TEST(Completion, LeavesFilesToTheShellAndKeysWithoutTheirEquals) {
  EXPECT_THAT(complete({"train", "--config-dir", "c"}), IsEmpty());
  EXPECT_THAT(complete({"config", "diff", "r"}), IsEmpty());
  EXPECT_THAT(complete({"config", "explain", "trainer.m"}), ElementsAre("trainer.micro_batch"));
  EXPECT_THAT(complete({"config", "explain", "trainer.ema", "noi"}), ElementsAre("noise="));
}

TEST(Completion, RefusesOtherShells) {
  const std::array<Verb, 0> none = {};
  EXPECT_THROW(completion_verb({"csh"}, none, [](Fields&) {}), ConfigError);
}

}  // namespace
}  // namespace gyrus
