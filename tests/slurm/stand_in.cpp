// The unit tests' main(). Started as `... train --frozen FILE`, the test program stands in for gyrus: it
// leaves the files of a finished run, or fails with the exit code that the configuration names at
// `fake.exit_code`.
#include "stand_in.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "launch/config/config.hpp"
#include "launch/config/node.hpp"

namespace gyrus::test {

namespace fs = std::filesystem;

FakeCommands::FakeCommands() : old_path_(std::getenv("PATH")) {
  const auto* test = testing::UnitTest::GetInstance()->current_test_info();
  folder_ =
      fs::path(testing::TempDir()) / (std::string("slurm_") + test->test_suite_name() + "_" + test->name());
  fs::remove_all(folder_);
  fs::create_directories(folder_ / "bin");
  setenv("PATH", ((folder_ / "bin").string() + ":" + old_path_).c_str(), 1);
  setenv("FOLDER", folder_.c_str(), 1);
}

FakeCommands::~FakeCommands() {
  setenv("PATH", old_path_.c_str(), 1);
  fs::remove_all(folder_);
}

void FakeCommands::only() const {
  setenv("PATH", (folder_ / "bin").c_str(), 1);
}

void FakeCommands::add(const std::string& name, const std::string& body) const {
  const fs::path file = folder_ / "bin" / name;
  std::ofstream(file) << "#!/bin/bash\n" << body << "\n";
  fs::permissions(file, fs::perms::owner_all);
}

std::string FakeCommands::read(const std::string& name) const {
  std::ifstream file(folder_ / name);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

namespace {

int stand_in_for_train(const fs::path& config_file) {
  const Config config = Config::load(config_file);
  const ConfigNode* code = config.root().find_path("fake.exit_code");
  if (code && code->integer != 0) return static_cast<int>(code->integer);
  const fs::path run_dir = config_file.parent_path();
  std::ofstream(run_dir / "state.json") << R"({"status": "finished"})";
  const ConfigNode* level = config.root().find_path("noise.level");
  std::ofstream(run_dir / "metrics.jsonl")
      << R"({"kind": "validation", "step": 10, "samples": 320, "dice": 0.)" << (level ? level->integer : 0)
      << R"(, "loss": 0.5, "set": "val"})"
      << "\n";
  return 0;
}

}  // namespace
}  // namespace gyrus::test

int main(int argc, char** argv) {
  if (argc == 4 && std::string(argv[1]) == "train") return gyrus::test::stand_in_for_train(argv[3]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
