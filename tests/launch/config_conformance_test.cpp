// Cases of ${GYRUS_CONFORMANCE}/hydra: what hydra-core composes from the same folders and overrides. One test
// per topic.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "launch/config/composer.hpp"
#include "launch/config/hydra_node.hpp"
#include "launch/config/multirun.hpp"
#include "launch/config/resolver.hpp"
#include "launch/config/yaml_reader.hpp"
#include "launch/config/yaml_writer.hpp"
#include "tests/support/source_dir.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

fs::path conformance_folder() {
  const char* named = std::getenv("GYRUS_CONFORMANCE");
  return (named ? fs::path(named) : test::source_dir() / "../shared/conformance") / "hydra";
}

std::vector<std::string> topics() {
  std::vector<std::string> names;
  if (!fs::is_directory(conformance_folder() / "cases")) return {"absent"};
  for (const auto& entry : fs::directory_iterator(conformance_folder() / "cases")) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".yaml") names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

/// Sets the variables of a case and unsets every other GYRUS_ one, for the life of the object.
class Environment {
 public:
  explicit Environment(const ConfigNode* wanted) {
    for (char** variable = environ; *variable; ++variable) {
      const std::string text = *variable;
      if (text.starts_with("GYRUS_"))
        saved_.emplace_back(text.substr(0, text.find('=')), text.substr(text.find('=') + 1));
    }
    for (const auto& [name, value] : saved_) unsetenv(name.c_str());
    if (!wanted) return;
    for (const auto& [name, value] : wanted->entries) {
      set_.push_back(name.text);
      setenv(name.text.c_str(), spell(value).c_str(), 1);
    }
  }
  ~Environment() {
    for (const std::string& name : set_) unsetenv(name.c_str());
    for (const auto& [name, value] : saved_) setenv(name.c_str(), value.c_str(), 1);
  }

 private:
  std::vector<std::pair<std::string, std::string>> saved_;
  std::vector<std::string> set_;
};

std::vector<std::string> texts_of(const ConfigNode& list) {
  std::vector<std::string> texts;
  for (const ConfigNode& item : list.items) texts.push_back(item.text);
  return texts;
}

void expect_same(const ConfigNode& found, const ConfigNode& expected, const char* what) {
  EXPECT_TRUE(same_value(found, expected)) << what << " is:\n"
                                           << write_yaml(found) << "expected:\n"
                                           << write_yaml(expected);
}

void check_config(const ComposeRequest& request, const ConfigNode& expected) {
  const ConfigNode tree = compose_tree(request);
  const ConfigNode resolved = resolve(tree);
  if (const ConfigNode* wanted = expected.find("config")) expect_same(resolved, *wanted, "the config");
  expect_same(resolve(read_yaml(write_yaml(resolved), "dump")), resolved, "what was written and read again");
  if (const ConfigNode* wanted = expected.find("unresolved"))
    expect_same(without_hydra(tree), *wanted, "the config before resolution");
}

void check_jobs(const ComposeRequest& request, const ConfigNode& expected) {
  const Multirun multirun = compose_multirun(request);
  const ConfigNode& jobs = *expected.find("jobs");
  EXPECT_EQ(multirun.jobs.size(), jobs.items.size());
  for (std::size_t i = 0; i < std::min(multirun.jobs.size(), jobs.items.size()); ++i) {
    const SweepJob& job = multirun.jobs[i];
    const ConfigNode& wanted = jobs.items[i];
    SCOPED_TRACE(fmt::format("job {}", i));
    EXPECT_EQ(job.overrides, texts_of(*wanted.find("overrides")));
    EXPECT_EQ(hydra_text(job.root, "job.override_dirname"), wanted.find("override_dirname")->text);
    if (const ConfigNode* dir = wanted.find("dir")) {
      EXPECT_EQ(job.outputs.dir, dir->text);
    }
    if (const ConfigNode* config = wanted.find("config"))
      expect_same(resolve(job.root), *config, "the job's config");
  }
}

/// What a run writes into its `.hydra`, read back.
void check_outputs(const ComposeRequest& request, const ConfigNode& expected) {
  const ConfigNode root = compose_tree(request);
  const OutputFolders outputs = output_folders(root);
  EXPECT_EQ(outputs.dir, expected.find("dir")->text);
  EXPECT_EQ(hydra_text(root, "job.override_dirname"), expected.find("override_dirname")->text);
  const ConfigNode& subdir = *expected.find("subdir");
  EXPECT_EQ(outputs.subdir, subdir.is_null() ? std::nullopt : std::optional(subdir.text));
  const fs::path folder = fs::path(testing::TempDir()) / "gyrus_hydra_outputs";
  fs::remove_all(folder);
  write_hydra_files(root, outputs.subdir, folder);
  if (subdir.is_null()) {
    EXPECT_FALSE(fs::exists(folder));
    return;
  }
  expect_same(read_yaml_file(folder / subdir.text / "config.yaml"), *expected.find("config"), "config.yaml");
  expect_same(read_yaml_file(folder / subdir.text / "overrides.yaml"), *expected.find("overrides"),
              "overrides.yaml");
  fs::remove_all(folder);
}

void check_case(const ConfigNode& test) {
  const Environment environment(test.find("env"));
  ComposeRequest request;
  request.config_folder = fs::path("trees") / test.find("tree")->text;
  if (const ConfigNode* folder = test.find("config_dir"))
    request.extra_folders = {fs::path("trees") / folder->text};
  request.config_name = test.find("config_name")->is_null() ? "" : test.find("config_name")->text;
  request.overrides = texts_of(*test.find("overrides"));

  const ConfigNode& expected = *test.find("expect");
  const ConfigNode* mode = test.find("mode");
  try {
    if (mode && mode->text == "multirun")
      check_jobs(request, expected);
    else if (expected.find("outputs"))
      check_outputs(request, *expected.find("outputs"));
    else
      check_config(request, expected);
    ASSERT_FALSE(expected.find("error"))
        << "composed instead of failing with " << expected.find_path("error.kind")->text;
  } catch (const CompositionError& error) {
    ASSERT_TRUE(expected.find("error")) << error.what();
    EXPECT_EQ(error.kind, expected.find_path("error.kind")->text) << error.what();
    for (const ConfigNode& word : expected.find_path("error.mentions")->items) {
      EXPECT_NE(std::string(error.what()).find(word.text), std::string::npos)
          << "the message does not mention '" << word.text << "': " << error.what();
    }
  }
}

class Hydra : public testing::TestWithParam<std::string> {};

TEST_P(Hydra, conformance) {
  const fs::path folder = conformance_folder();
  if (!fs::is_directory(folder))
    GTEST_SKIP() << "no conformance cases at " << folder << "; set GYRUS_CONFORMANCE";
  fs::current_path(folder);  // trees are named relative to it
  const ConfigNode cases = read_yaml_file(folder / "cases" / (GetParam() + ".yaml"));
  for (const ConfigNode& test : cases.items) {
    SCOPED_TRACE(GetParam() + "/" + test.find("id")->text);
    check_case(test);
  }
}

INSTANTIATE_TEST_SUITE_P(conformance, Hydra, testing::ValuesIn(topics()),
                         [](const auto& topic) { return topic.param; });

}  // namespace
}  // namespace gyrus
