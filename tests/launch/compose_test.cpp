// Corners of composition beyond the conformance cases. The expected trees are what hydra-core 1.3.8 composes.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "launch/config/composer.hpp"
#include "launch/config/hydra_node.hpp"
#include "launch/config/resolver.hpp"
#include "launch/config/yaml_reader.hpp"
#include "launch/config/yaml_writer.hpp"
#include "tests/launch/config_folder.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

class Compose : public ConfigFolder {
 protected:
  void SetUp() override {
    ConfigFolder::SetUp();
    for (const auto& [name, content] : std::map<std::string, std::string>{{"db/a.yaml", "x: 1\n"},
                                                                          {"db/b.yaml", "x: 2\n"},
                                                                          {"db/c.yaml", "y: 3\n"},
                                                                          {"srv/a_s.yaml", "p: 1\n"},
                                                                          {"t/a_s.yaml", "q: 1\n"}})
      write(name, content);
  }

  ConfigNode compose(const std::string& primary, std::vector<std::string> overrides = {}) const {
    write("config.yaml", primary);
    ComposeRequest request;
    request.config_folder = folder_;
    request.overrides = std::move(overrides);
    return compose_tree(request);
  }

  /// Composes to the YAML `wanted`, or fails with the kind of error that it names.
  void expect(const std::string& wanted, const std::string& primary,
              std::vector<std::string> overrides = {}) const {
    try {
      const ConfigNode found = resolve(compose(primary, std::move(overrides)));
      EXPECT_TRUE(same_value(found, read_yaml(wanted, "wanted"))) << write_yaml(found) << "instead of\n"
                                                                  << wanted;
    } catch (const CompositionError& error) {
      EXPECT_EQ(error.kind, wanted) << error.what();
    }
  }
};

TEST_F(Compose, APackageWithItsGroupCountsFromTheRoot) {
  write("db/n.yaml", "defaults: [/srv@_group_: a_s, /t@x._group_: a_s, _self_]\nz: 1\n");
  expect("srv: {p: 1}\nx: {t: {q: 1}}\ndb: {z: 1}\n", "defaults: [db: n]\n");
  expect("db: {db: {x: 1}}\n", "defaults: [db@_group_._group_: a]\n");
  expect("foo: {_name_: {x: 1}}\n", "defaults: [db@foo._name_: a]\n");
}

TEST_F(Compose, AListOfOptionsIsNoChoice) {
  expect("db: {x: 1, y: 3}\n", "defaults:\n  - db: [a]\n  - db: c\n");
  expect("delete_missing", "defaults:\n  - db: [a, c]\n", {"~db"});
  expect("{}\n", "defaults:\n  - db: null\n  - db: null\n");
  expect("choice_repeated", "defaults:\n  - db: a\n  - db: a\n");
  const ConfigNode root = compose("defaults:\n  - db: [a, c]\n");
  EXPECT_TRUE(root.find_path("hydra.runtime.choices")->entries.empty());
}

TEST_F(Compose, DefaultsNameChoicesAndResolvers) {
  expect("db: {x: 1}\nsrv: {p: 1}\n", "defaults: [db: a, srv: '${db}_s']\n");
  expect("db: {x: 2}\n", "defaults: [db: '${oc.env:GYRUS_NO_SUCH,b}']\n");
  expect("defaults_interpolation", "defaults: [db: a, srv: '${db}_s', t: '${srv}']\n");
}

TEST_F(Compose, AnInterpolationThatCannotBeResolvedYetIsReplaced) {
  write("db/z.yaml", "x: ${m}\n");
  expect("db: {x: {b: 2}}\nm: {a: 1}\n", "defaults: [db: z, _self_]\ndb: {x: {b: 2}}\nm: {a: 1}\n");
}

TEST_F(Compose, DeletionLooksAtValuesAsPythonDoes) {
  expect("b: 1\n", "a: ${b}\nb: 1\n", {"~a=1"});
  expect("b: 1\n", "a: 1.0\nb: 1\n", {"~a=1"});
  expect("b: 1\n", "a: true\nb: 1\n", {"~a=1"});
  expect("b: 1\n", "a: {x: 1, y: 2}\nb: 1\n", {"~a={y:2,x:1}"});
  expect("delete_missing", "a: null\n", {"~a"});
  expect("delete_mismatch", "a: [1, 2]\n", {"~a=[2,1]"});
}

TEST_F(Compose, ListsKeepTheirItems) {
  expect("g: [{x: 1, nw: 2}, {x: 2}]\n", "g: [{x: 1}, {x: 2}]\n", {"+g.0.nw=2"});
  expect("g: [{x: 5}, 2]\n", "g: [1, 2]\n", {"+g.0.x=5"});
  expect("list_index", "g: [{x: 1}]\n", {"+g.3.x=5"});
  expect("unknown_key", "g: [{x: 1}]\n", {"g.0={y: 2}"});
}

TEST_F(Compose, NamesMayCarryTheirExtension) {
  expect("db: {x: 1}\n", "defaults: [db: a.yaml]\n");
  expect("db: {x: 2}\n", "defaults: [db: a]\n", {"db=b.yaml"});
}

TEST_F(Compose, ValuesThatWereNullMayBeAdded) {
  expect("a: 2\nb: null\n", "a: ${b}\nb: null\n", {"+a=2"});
  expect("already_there", "a: ${b}\nb: 1\n", {"+a=2"});
}

}  // namespace
}  // namespace gyrus
