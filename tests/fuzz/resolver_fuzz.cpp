#include "launch/config/resolver.hpp"
#include "launch/config/yaml_reader.hpp"
#include "launch/config/yaml_writer.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {

Target make_target() {
  return {{"a: ${b.c}\nb: {c: '${.d}', d: [1, '${x}']}\nx: ${oc.env:HOME,/tmp}/y\n",
           "name: ${model.name}_${n}\nmodel: {name: cddpm, other: '${..n}'}\nn: 3\nlist: [1, 2]\nlast: "
           "${list[1]}\n",
           "a: ${oc.select:b.c,none}\nb: \"${oc.decode:'[1, {x: 2}]'}\"\nc: '${oc.create:{k: 1}}'\nd: "
           "${oc.dict.keys:e}\n"
           "e: {f: '${oc.dict.values:.g}', g: {h: 1}}\n",
           "hydra: {job: {name: gyrus}}\na: ${hydra:job.name}\nb: \\${not}\nc: \\\\${a}\n"},
          [](const std::string& input) {
            const ConfigNode resolved = resolve(read_yaml(input, "input.yaml"));
            // What was resolved is written so that it stays as it is.
            const ConfigNode again = resolve(read_yaml(write_yaml(resolved), "written"));
            if (!same_value(again, resolved)) throw std::logic_error("does not survive writing");
          }};
}

}  // namespace gyrus::fuzz
