#include "launch/config/yaml_reader.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {

Target make_target() {
  return {{"defaults:\n  - data: phantom\n  - _self_\n\nseed: 1\nrun:\n  name: ${model.name}\n",
           "a: &anchor {x: 1, y: [1, 2, 3]}\nb:\n  <<: *anchor\n  y: 0x1F\n",
           "text: |\n  line one\n  line two\nfolded: >-\n  a\n  b\n",
           "[1, .inf, -.nan, 1e-3, yes, ~, 2024-01-31]",
           "# @package _global_\nkey: \"quoted \\u00e9\"\nother: 'single'\n", ""},
          [](const std::string& input) { read_yaml(input, "input.yaml"); }};
}

}  // namespace gyrus::fuzz
