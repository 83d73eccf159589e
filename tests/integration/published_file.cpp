// Writes a checkpoint of gyrus as the published code would have written it.   published_file CHECKPOINT
// OUT.ckpt
#include <torch/torch.h>

#include <cstdio>
#include <fstream>

#include "launch/error.hpp"
#include "tests/support/torch_file.hpp"
#include "trainer/checkpoint/store.hpp"

namespace gyrus {
namespace {

using torch_file::PickleWriter;

struct PublishedWriter {
  std::vector<torch_file::Entry> entries = {};

  void tensor(PickleWriter& p, const torch::Tensor& value) {
    const torch::Tensor plain = value.contiguous();
    const std::string key = std::to_string(entries.size());
    entries.push_back({"archive/data/" + key, {static_cast<const char*>(plain.data_ptr()), plain.nbytes()}});
    p.tensor("FloatStorage", key, plain.numel(), 0, plain.sizes().vec(), plain.strides().vec());
  }

  std::string write(const TrainState& state) {
    PickleWriter p;
    p.raw("}(").text("epoch").integer(1).text("global_step").integer(state.step).text("state_dict").raw("}(");
    for (const auto& [name, value] : state.weights) tensor(p.text(name), value);
    p.raw("u").text("optimizer_states").raw("]}").text("state").raw("}(");
    std::int64_t index = 0;
    for (const auto& [name, unused] : state.weights) {
      if (!state.optimizer.contains("first." + name)) continue;  // a buffer
      p.integer(index++).raw("}(").text("step").integer(state.optimizer_steps);
      tensor(p.text("exp_avg"), state.optimizer.at("first." + name));
      tensor(p.text("exp_avg_sq"), state.optimizer.at("second." + name));
      p.raw("u");
    }
    p.raw("usau");
    entries.push_back({"archive/data.pkl", p.finish()});
    return torch_file::zip_of(entries);
  }
};

}  // namespace
}  // namespace gyrus

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  try {
    std::ofstream(argv[2], std::ios::binary)
        << gyrus::PublishedWriter().write(gyrus::read_checkpoint(argv[1]));
  } catch (const gyrus::Error& problem) {
    std::fprintf(stderr, "%s\n", problem.what());
    return 1;
  }
}
