#include "launch/config/sweep.hpp"

#include <fmt/format.h>
#include <fnmatch.h>

#include <algorithm>
#include <cmath>
#include <random>

#include "launch/config/casts.hpp"
#include "launch/config/decimal.hpp"

namespace gyrus {
namespace {

constexpr std::size_t most_values = 1'000'000;

[[noreturn]] void fail(const char* kind, const std::string& what) {
  throw CompositionError(kind, what);
}

void check_count(const std::vector<ConfigNode>& values) {
  if (values.size() > most_values)
    fail("sweep_type", fmt::format("a range of more than {} values", most_values));
}

std::vector<ConfigNode> integers_of(std::int64_t start, std::int64_t stop, std::int64_t step) {
  std::vector<ConfigNode> values;
  for (std::int64_t value = start; step > 0 ? value < stop : value > stop;) {
    values.push_back(ConfigNode::make_integer(value));
    check_count(values);
    if (__builtin_add_overflow(value, step, &value)) break;
  }
  return values;
}

std::vector<ConfigNode> floats_of(double start, double stop, double step) {
  std::vector<ConfigNode> values;
  const Decimal end(stop), by(step);
  for (Decimal value(start); step > 0 ? value < end : end < value; value = value + by) {
    values.push_back(ConfigNode::make_floating(value.to_double()));
    check_count(values);
  }
  return values;
}

std::vector<ConfigNode> values_of_range(const Sweep& sweep) {
  const double step = number_of(sweep.step);
  const bool are_finite =
      std::isfinite(step) && std::isfinite(number_of(sweep.start)) && std::isfinite(number_of(sweep.stop));
  if (!are_finite || step == 0.0)
    fail("override_function", fmt::format("range(start={}, stop={}, step={}) goes on without end",
                                          spell(sweep.start), spell(sweep.stop), spell(sweep.step)));
  const bool are_integers = sweep.start.kind == NodeKind::integer && sweep.stop.kind == NodeKind::integer &&
                            sweep.step.kind == NodeKind::integer;
  if (are_integers) return integers_of(sweep.start.integer, sweep.stop.integer, sweep.step.integer);
  return floats_of(number_of(sweep.start), number_of(sweep.stop), step);
}

bool matches_any(const std::string& name, const std::vector<std::string>& patterns) {
  return std::ranges::any_of(patterns, [&](const auto& pattern) {
    return ::fnmatch(pattern.c_str(), name.c_str(), FNM_NOESCAPE) == 0;
  });
}

std::vector<ConfigNode> values_of_glob(const Sweep& sweep, const std::vector<std::string>& options) {
  std::vector<ConfigNode> values;
  for (const std::string& option : options)
    if (matches_any(option, sweep.include) && !matches_any(option, sweep.exclude))
      values.push_back(ConfigNode::make_text(option));
  return values;
}

}  // namespace

const char* Sweep::kind_name() const {
  switch (kind) {
    case Kind::choice:
      return is_simple ? "a list of values" : "choice()";
    case Kind::range:
      return "range()";
    case Kind::glob:
      return "glob()";
    case Kind::interval:
      return "interval()";
  }
  return "";
}

std::vector<ConfigNode> enumerate(const Sweep& sweep, const std::vector<std::string>& group_options) {
  if (sweep.kind == Sweep::Kind::interval)
    fail("sweep_type", "interval() has no values to try one after another; use range() or choice()");
  std::vector<ConfigNode> values = sweep.kind == Sweep::Kind::range  ? values_of_range(sweep)
                                   : sweep.kind == Sweep::Kind::glob ? values_of_glob(sweep, group_options)
                                                                     : sweep.values;
  if (values.empty()) fail("sweep_empty", fmt::format("{} has no value", sweep.kind_name()));
  if (sweep.shuffled) shuffle_values(values, *sweep.shuffled);
  return values;
}

void shuffle_values(std::vector<ConfigNode>& values, std::uint64_t seed) {
  std::mt19937_64 generator(seed);  // its numbers are fixed by the C++ standard
  for (std::size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[generator() % i]);
}

}  // namespace gyrus
