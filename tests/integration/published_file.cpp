// Writes a checkpoint of gyrus as the published code would have written it.   published_file CHECKPOINT
// OUT.ckpt
#include <torch/torch.h>

#include <cstdio>
#include <fstream>

#include "launch/error.hpp"
#include "tests/support/torch_file_tensors.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {
namespace {

using torch_file::PickleWriter;

std::string published_file(const TrainState& state) {
  torch_file::StorageEntries storages;
  PickleWriter p;
  p.raw("}(").text("epoch").integer(1).text("global_step").integer(state.step).text("state_dict").raw("}(");
  for (const auto& [name, value] : state.weights) storages.add(p.text(name), value);
  p.raw("u").text("optimizer_states").raw("]}").text("state").raw("}(");
  std::int64_t index = 0;
  for (const auto& [name, unused] : state.weights) {
    if (!state.optimizer.contains("first." + name)) continue;  // a buffer
    p.integer(index++).raw("}(").text("step").integer(state.optimizer_steps);
    storages.add(p.text("exp_avg"), state.optimizer.at("first." + name));
    storages.add(p.text("exp_avg_sq"), state.optimizer.at("second." + name));
    p.raw("u");
  }
  p.raw("usau");
  storages.entries.push_back({"archive/data.pkl", p.finish()});
  return torch_file::zip_of(storages.entries);
}

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    std::ofstream(argv[2], std::ios::binary) << gyrus::published_file(gyrus::read_checkpoint(argv[1]));
  } catch (const gyrus::Error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}
