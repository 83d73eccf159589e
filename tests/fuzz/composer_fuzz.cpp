#include <unistd.h>

#include <fstream>
#include <sstream>

#include "launch/config/composer.hpp"
#include "launch/config/multirun.hpp"
#include "launch/config/resolver.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

namespace fs = std::filesystem;

/// A small tree with groups, an experiment and a node of Hydra.
fs::path make_tree() {
  const fs::path folder = fs::temp_directory_path() / ("gyrus_composer_fuzz_" + std::to_string(::getpid()));
  const auto write = [&](const char* name, const char* content) {
    fs::create_directories((folder / name).parent_path());
    std::ofstream(folder / name) << content;
  };
  write("config.yaml",
        "defaults: [model: a, optional site: none, data@eval: x, _self_, experiment: null]\nseed: 1\n"
        "list: [{x: 1}, 2]\nlink: ${model}\nhydra: {run: {dir: 'r/${seed}'}, sweeper: {params: {}}}\n");
  write("model/a.yaml", "width: 1\ndeep: {x: 1}\n");
  write("model/b.yaml", "defaults: [a]\nwidth: ${..seed}\n");
  write("data/x.yaml", "name: x\n");
  write("experiment/e.yaml", "# @package _global_\ndefaults: [override /model: b]\nseed: 2\n");
  return folder;
}

}  // namespace

Target make_target() {
  return {
      {"model=b\nseed=3\n+new.key=[1,2]", "experiment=e\n+list.0.y=5\nlist.1=3", "~data@eval\n++seed=${list}",
       "+model@m2=b\ndata@eval=x\nhydra.run.dir=x\nhydra.mode=RUN", "seed=1,2\nmodel=glob(*)\n~link",
       "hydra.sweep.subdir=${hydra.job.override_dirname}\nseed=range(3)\nmodel.deep.x=2"},
      [tree = make_tree()](const std::string& input) {
        ComposeRequest request;
        request.config_folder = tree;
        std::istringstream lines(input);
        for (std::string line; std::getline(lines, line);) request.overrides.push_back(line);
        for (const SweepJob& job : compose_multirun(request).jobs) resolve(job.root);
      }};
}

}  // namespace gyrus::fuzz
