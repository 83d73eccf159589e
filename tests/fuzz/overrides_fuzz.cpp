#include "launch/config/override_parser.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {

Target make_target() {
  return {{"model.base_width=64", "noise=simplex", "+x.y=1", "++x.y=[1,2.5e-3,null]", "~trainer.optimizer.lr",
           "data/augment@data=all", "a={k: 'v', other: [true, \"quoted \\\" text\"]}", "noise.level=249,499",
           "run.dir=${oc.env:HOME,/tmp}/${run.name}", "text=a\\,b\\=c d"},
          [](const std::string& input) { parse_override(input); }};
}

}  // namespace gyrus::fuzz
