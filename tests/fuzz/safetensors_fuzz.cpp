#include <torch/torch.h>

#include "launch/files.hpp"
#include "tests/fuzz/fuzz.hpp"
#include "trainer/checkpoint/safetensors.hpp"

namespace gyrus::fuzz {

Target make_target() {
  const auto file = std::filesystem::temp_directory_path() / "gyrus_fuzz_seed.safetensors";
  write_safetensors(file, {{"a.weight", torch::arange(6, torch::kFloat32).view({2, 3})},
                           {"steps", torch::tensor(7, torch::kInt64)},
                           {"empty", torch::zeros({0, 4})}});
  const std::string seed = read_file(file);
  std::filesystem::remove(file);
  return {{seed}, through_file(".safetensors", [](const auto& path) { read_safetensors(path); })};
}

}  // namespace gyrus::fuzz
