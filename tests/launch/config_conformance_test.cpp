// Cases of ${GYRUS_CONFORMANCE}/hydra: what hydra-core composes from the same folders and overrides. One test
// per topic.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <set>

#include "launch/config/composer.hpp"
#include "launch/config/resolver.hpp"
#include "launch/config/yaml_reader.hpp"
#include "launch/config/yaml_writer.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// Topics of features that are not there yet: functions in values (int(), sort(), choice(), ...) and Hydra's
/// own run folders.
const std::set<std::string> topics_left_out = {"outputs", "override_values", "sweeps"};

fs::path conformance_folder() {
  const char* named = std::getenv("GYRUS_CONFORMANCE");
  return (named ? fs::path(named) : fs::path(GYRUS_SOURCE_DIR) / "../shared/conformance") / "hydra";
}

std::vector<std::string> topics() {
  std::vector<std::string> names;
  if (!fs::is_directory(conformance_folder() / "cases")) return {"absent"};
  for (const auto& entry : fs::directory_iterator(conformance_folder() / "cases")) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".yaml" && !topics_left_out.contains(name)) names.push_back(name);
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

void check_case(const ConfigNode& test) {
  const Environment environment(test.find("env"));
  ComposeRequest request;
  request.config_folder = fs::path("trees") / test.find("tree")->text;
  if (const ConfigNode* folder = test.find("config_dir"))
    request.extra_folders = {fs::path("trees") / folder->text};
  request.config_name = test.find("config_name")->is_null() ? "" : test.find("config_name")->text;
  for (const ConfigNode& text : test.find("overrides")->items) request.overrides.push_back(text.text);

  const ConfigNode& expected = *test.find("expect");
  try {
    const ConfigNode tree = compose_tree(request);
    const ConfigNode resolved = resolve(tree);
    ASSERT_FALSE(expected.find("error"))
        << "composed instead of failing with " << expected.find_path("error.kind")->text;
    EXPECT_TRUE(same_value(resolved, *expected.find("config"))) << "composed:\n"
                                                                << write_yaml(resolved) << "expected:\n"
                                                                << write_yaml(*expected.find("config"));
    EXPECT_TRUE(same_value(resolve(read_yaml(write_yaml(resolved), "dump")), resolved))
        << "does not survive writing:\n"
        << write_yaml(resolved);
    if (const ConfigNode* unresolved = expected.find("unresolved")) {
      EXPECT_TRUE(same_value(tree, *unresolved)) << write_yaml(tree);
    }
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
