#include "launch/config/override_parser.hpp"
#include "launch/config/override_writer.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

/// A value that was understood is spelled so that it is understood again, with its type.
void check_spelling(const ConfigNode& value) {
  const std::string spelling = spell_override_value(value);
  if (!same_value(parse_override("key=" + spelling).value(), value))
    throw std::logic_error("'" + spelling + "' does not read back");
}

}  // namespace

Target make_target() {
  return {{"model.base_width=64", "noise=simplex", "+x.y=1", "++x.y=[1,2.5e-3,null]", "~trainer.optimizer.lr",
           "data/augment@data=all", "a={k: 'v', other: [true, \"quoted \\\" text\"]}", "noise.level=249,499",
           "run.dir=${oc.env:HOME,/tmp}/${run.name}", "text=a\\,b\\=c d",
           "a=sort(choice(3,1,2),reverse=true)", "a=tag(x,range(0,1,0.25))", "a=shuffle([1,'2',c],seed=3)",
           "a=int([1.5,'2',{b: true}])", "a=glob([a*,b],exclude=c)"},
          [](const std::string& input) {
            const Override given = parse_override(input);
            if (!given.is_sweep()) return check_spelling(given.value());
            if (given.sweep().kind != Sweep::Kind::interval)
              for (const ConfigNode& value : enumerate(given.sweep(), {"a", "ab", "b"}))
                check_spelling(value);
          }};
}

}  // namespace gyrus::fuzz
