#include "launch/config/override_functions.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <optional>

#include "launch/config/casts.hpp"

namespace gyrus {
namespace {

[[noreturn]] void fail(const std::string& what) {
  throw CompositionError("override_function", what);
}

// ----------------------------------------------------------------------------------------------------------
// the arguments of a call

/// Gives the arguments of a call their names, in the way of Python.
class Arguments {
 public:
  /// @param names  of the parameters, in order
  Arguments(const FunctionCall& call, std::vector<std::string> names) : call_(call) {
    if (call.arguments.size() > names.size())
      fail(fmt::format("{}() takes at most {} arguments, not {}", call.name, names.size(),
                       call.arguments.size()));
    for (std::size_t i = 0; i < call.arguments.size(); ++i)
      values_.emplace_back(names[i], &call.arguments[i]);
    for (const auto& [name, value] : call.named) {
      if (std::ranges::find(names, name) == names.end())
        fail(fmt::format("{}() has no argument '{}'; it has: {}", call.name, name, fmt::join(names, ", ")));
      if (find(name)) fail(fmt::format("{}(): the argument '{}' is given twice", call.name, name));
      values_.emplace_back(name, &value);
    }
  }

  const OverrideValue* find(const std::string& name) const {
    for (const auto& [known, value] : values_)
      if (known == name) return value;
    return nullptr;
  }
  /// The argument as a single value. @throws for a sweep
  const ConfigNode* find_value(const std::string& name) const {
    const OverrideValue* value = find(name);
    if (!value) return nullptr;
    if (const auto* node = std::get_if<ConfigNode>(value)) return node;
    fail(fmt::format("{}(): the argument '{}' is a sweep; a value is wanted", call_.name, name));
  }
  ConfigNode number(const std::string& name, std::optional<ConfigNode> otherwise = {}) const {
    const ConfigNode* node = find_value(name);
    if (!node && otherwise) return *otherwise;
    if (!node) fail(fmt::format("{}() lacks its argument '{}'", call_.name, name));
    if (!is_number(*node))
      fail(fmt::format("{}(): the argument '{}' is {}; a number is wanted", call_.name, name,
                       describe_value(*node)));
    if (node->kind == NodeKind::boolean) return ConfigNode::make_integer(node->boolean ? 1 : 0);
    return *node;
  }
  std::vector<std::string> texts(const std::string& name) const {
    const ConfigNode* node = find_value(name);
    if (!node) return {};
    if (node->is_text()) return {node->text};
    std::vector<std::string> texts;
    for (const ConfigNode& item : node->items)
      if (item.is_text()) texts.push_back(item.text);
    if (!node->is_list() || texts.size() != node->items.size())
      fail(fmt::format("{}(): the argument '{}' must be a pattern or a list of patterns", call_.name, name));
    return texts;
  }

 private:
  const FunctionCall& call_;
  std::vector<std::pair<std::string, const OverrideValue*>> values_;
};

/// Several values without choice(); single values only.
Sweep simple_choice(const FunctionCall& call) {
  Sweep sweep;
  sweep.is_simple = true;
  for (const OverrideValue& argument : call.arguments) {
    const auto* node = std::get_if<ConfigNode>(&argument);
    if (!node) fail(fmt::format("{}(): a sweep cannot be one of several values", call.name));
    sweep.values.push_back(*node);
  }
  return sweep;
}

// ----------------------------------------------------------------------------------------------------------
// casts

using Cast = ConfigNode (*)(const ConfigNode&);

/// Lists and mappings element by element.
ConfigNode cast_value(const ConfigNode& node, Cast cast) {
  if (!node.is_list() && !node.is_mapping()) return cast(node);
  ConfigNode result = ConfigNode::with_kind(node.kind);
  for (const ConfigNode& item : node.items) result.items.push_back(cast_value(item, cast));
  for (const auto& [key, value] : node.entries) result.entries.emplace_back(key, cast_value(value, cast));
  return result;
}

Sweep cast_sweep(const Sweep& sweep, Cast cast, const std::string& name) {
  const bool to_number = cast == cast_to_int || cast == cast_to_float;
  Sweep result;
  result.kind = sweep.kind;
  result.is_simple = sweep.is_simple;
  if (sweep.kind == Sweep::Kind::glob) fail(fmt::format("{}() cannot cast glob()", name));
  if (sweep.kind != Sweep::Kind::choice) {
    if (!to_number) fail(fmt::format("{}() cannot cast {}", name, sweep.kind_name()));
    result.start = cast(sweep.start);
    result.stop = cast(sweep.stop);
    if (sweep.kind == Sweep::Kind::range) result.step = cast(sweep.step);
    result.tags = sweep.tags;
  }
  for (const ConfigNode& value : sweep.values) result.values.push_back(cast_value(value, cast));
  return result;
}

OverrideValue call_cast(const FunctionCall& call, Cast cast) {
  if (call.arguments.size() > 1 && call.named.empty())
    return cast_sweep(simple_choice(call), cast, call.name);
  const Arguments arguments(call, {"value"});
  const OverrideValue* value = arguments.find("value");
  if (!value) fail(fmt::format("{}() takes a value", call.name));
  if (const auto* sweep = std::get_if<Sweep>(value)) return cast_sweep(*sweep, cast, call.name);
  return cast_value(std::get<ConfigNode>(*value), cast);
}

// ----------------------------------------------------------------------------------------------------------
// sweeps

OverrideValue call_choice(const FunctionCall& call) {
  if (!call.named.empty()) fail("choice() takes values without names");
  if (call.arguments.empty()) fail("choice() is empty; give the values, as in choice(a,b)");
  if (const auto* sweep = std::get_if<Sweep>(&call.arguments.front())) {
    if (call.arguments.size() > 1 || sweep->kind != Sweep::Kind::choice || !sweep->is_simple)
      fail("choice() takes values, not sweeps");
    Sweep result = *sweep;
    result.is_simple = false;
    return result;
  }
  Sweep sweep = simple_choice(call);
  sweep.is_simple = false;
  for (const ConfigNode& value : sweep.values)
    if (value.is_null()) fail("choice() cannot hold null; write the values with commas alone: key=null,1");
  return sweep;
}

OverrideValue call_range(const FunctionCall& call) {
  const Arguments arguments(call, {"start", "stop", "step"});
  Sweep sweep;
  sweep.kind = Sweep::Kind::range;
  const ConfigNode first = arguments.number("start");
  const ConfigNode* stop = arguments.find_value("stop");
  const bool has_stop = stop && !stop->is_null();
  sweep.start = has_stop ? first : ConfigNode::make_integer(0);
  sweep.stop = has_stop ? arguments.number("stop") : first;
  sweep.step = arguments.number("step", ConfigNode::make_integer(1));
  return sweep;
}

OverrideValue call_interval(const FunctionCall& call) {
  const Arguments arguments(call, {"start", "end"});
  Sweep sweep;
  sweep.kind = Sweep::Kind::interval;
  sweep.start = cast_to_float(arguments.number("start"));
  sweep.stop = cast_to_float(arguments.number("end"));
  return sweep;
}

OverrideValue call_glob(const FunctionCall& call) {
  const Arguments arguments(call, {"include", "exclude"});
  Sweep sweep;
  sweep.kind = Sweep::Kind::glob;
  if (!arguments.find("include")) fail("glob() lacks its argument 'include'");
  sweep.include = arguments.texts("include");
  if (const ConfigNode* exclude = arguments.find_value("exclude"); exclude && !exclude->is_null())
    sweep.exclude = arguments.texts("exclude");
  return sweep;
}

OverrideValue call_tag(const FunctionCall& call) {
  std::vector<OverrideValue> arguments = call.arguments;
  for (const auto& [name, value] : call.named) {
    if (name != "sweep") fail(fmt::format("tag() has no argument '{}'", name));
    arguments.push_back(value);
  }
  const auto* sweep = arguments.empty() ? nullptr : std::get_if<Sweep>(&arguments.back());
  if (!sweep || sweep->kind == Sweep::Kind::glob)
    fail("tag() ends with the sweep that it names: choice(), range() or interval()");
  Sweep result = *sweep;
  result.tags.clear();
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    const auto* name = std::get_if<ConfigNode>(&arguments[i]);
    if (!name || !name->is_text()) fail("tag() takes words and one sweep");
    result.tags.insert(name->text);
  }
  return result;
}

// ----------------------------------------------------------------------------------------------------------
// order

/// Less, as Python compares numbers, texts and lists. @throws for what Python cannot compare
bool is_less(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind == NodeKind::integer && b.kind == NodeKind::integer) return a.integer < b.integer;
  if (is_number(a) && is_number(b)) return number_of(a) < number_of(b);
  if (a.is_text() && b.is_text()) return a.text < b.text;
  if (a.is_list() && b.is_list()) return std::ranges::lexicographical_compare(a.items, b.items, is_less);
  fail(fmt::format("sort(): {} and {} cannot be compared", describe_value(a), describe_value(b)));
}

void sort_values(std::vector<ConfigNode>& values, bool reverse) {
  std::ranges::stable_sort(values, [&](const ConfigNode& a, const ConfigNode& b) {
    return reverse ? is_less(b, a) : is_less(a, b);
  });
}

ConfigNode plus(const ConfigNode& a, const ConfigNode& b) {
  if (a.kind == NodeKind::integer && b.kind == NodeKind::integer)
    return ConfigNode::make_integer(a.integer + b.integer);
  return ConfigNode::make_floating(number_of(a) + number_of(b));
}

ConfigNode negative(const ConfigNode& a) {
  return a.kind == NodeKind::integer ? ConfigNode::make_integer(-a.integer)
                                     : ConfigNode::make_floating(-a.floating);
}

/// Turns a range around that runs the other way; its values stay when its step divides its length.
Sweep sort_range(Sweep sweep, bool reverse) {
  const double start = number_of(sweep.start), stop = number_of(sweep.stop);
  if (reverse ? start >= stop : start <= stop) return sweep;
  const bool falls = number_of(sweep.step) < 0;
  const ConfigNode shift = falls == reverse ? sweep.step : negative(sweep.step);
  const ConfigNode first = plus(sweep.stop, shift);
  sweep.stop = plus(sweep.start, shift);
  sweep.start = first;
  sweep.step = negative(sweep.step);
  return sweep;
}

OverrideValue sort_one(const OverrideValue& value, bool reverse) {
  if (const auto* sweep = std::get_if<Sweep>(&value)) {
    if (sweep->kind == Sweep::Kind::range) return sort_range(*sweep, reverse);
    if (sweep->kind != Sweep::Kind::choice) fail(fmt::format("sort() cannot sort {}", sweep->kind_name()));
    Sweep sorted = *sweep;
    sort_values(sorted.values, reverse);
    return sorted;
  }
  ConfigNode node = std::get<ConfigNode>(value);
  if (node.is_null()) fail("sort() cannot sort null");
  if (node.is_list()) sort_values(node.items, reverse);
  return node;
}

/// The only argument of sort and shuffle: positional, sweep=, or list=. Null pointer: there are several.
const OverrideValue* only_argument(const FunctionCall& call) {
  for (const char* name : {"list", "sweep"})
    for (const auto& [given, value] : call.named)
      if (given == name) return &value;
  return call.arguments.size() == 1 ? &call.arguments.front() : nullptr;
}

/// @throws when a named argument is none of `names`
void check_names(const FunctionCall& call, const std::vector<std::string>& names) {
  for (const auto& [given, value] : call.named)
    if (std::ranges::find(names, given) == names.end())
      fail(fmt::format("{}() has no argument '{}'; it has: {}", call.name, given, fmt::join(names, ", ")));
}

const ConfigNode* find_named(const FunctionCall& call, const char* name) {
  for (const auto& [given, value] : call.named)
    if (given == name) return std::get_if<ConfigNode>(&value);
  return nullptr;
}

OverrideValue call_sort(const FunctionCall& call) {
  check_names(call, {"sweep", "list", "reverse"});
  const ConfigNode* reverse = find_named(call, "reverse");
  if (reverse && reverse->kind != NodeKind::boolean) fail("sort(): reverse is true or false");
  const bool falling = reverse && reverse->boolean;
  if (const OverrideValue* only = only_argument(call)) return sort_one(*only, falling);
  if (call.arguments.empty()) fail("sort() is empty");
  return sort_one(simple_choice(call), falling);
}

OverrideValue call_shuffle(const FunctionCall& call) {
  check_names(call, {"sweep", "list", "seed"});
  const ConfigNode* given = find_named(call, "seed");
  if (given && (given->kind != NodeKind::integer || given->integer < 0))
    fail("shuffle(): seed is a whole number, at least 0");
  const std::uint64_t seed = given ? static_cast<std::uint64_t>(given->integer) : 0;
  const OverrideValue* only = only_argument(call);
  if (!only && call.arguments.empty()) fail("shuffle() is empty");
  const OverrideValue value = only ? *only : OverrideValue(simple_choice(call));
  if (const auto* sweep = std::get_if<Sweep>(&value)) {
    if (sweep->kind != Sweep::Kind::choice && sweep->kind != Sweep::Kind::range)
      fail(fmt::format("shuffle() cannot shuffle {}", sweep->kind_name()));
    Sweep shuffled = *sweep;
    shuffled.shuffled = seed;
    return shuffled;
  }
  ConfigNode list = std::get<ConfigNode>(value);
  if (!list.is_list()) {  // a single value becomes a list of one
    const ConfigNode item = list;
    list = ConfigNode::make_list();
    list.items.push_back(item);
  }
  shuffle_values(list.items, seed);
  return list;
}

struct Function {
  const char* name;
  OverrideValue (*call)(const FunctionCall&);
};

constexpr std::array functions = {
    Function{"bool", [](const FunctionCall& call) { return call_cast(call, cast_to_boolean); }},
    Function{"choice", call_choice},
    Function{"float", [](const FunctionCall& call) { return call_cast(call, cast_to_float); }},
    Function{"glob", call_glob},
    Function{"int", [](const FunctionCall& call) { return call_cast(call, cast_to_int); }},
    Function{"interval", call_interval},
    Function{"range", call_range},
    Function{"shuffle", call_shuffle},
    Function{"sort", call_sort},
    Function{"str", [](const FunctionCall& call) { return call_cast(call, cast_to_text); }},
    Function{"tag", call_tag},
};

}  // namespace

OverrideValue call_function(const FunctionCall& call) {
  std::vector<std::string> names;
  for (const Function& function : functions) {
    if (call.name == function.name) return function.call(call);
    names.push_back(function.name);
  }
  const std::string suggestion = nearest_word(call.name, names);
  fail(fmt::format("there is no function {}(){}; there are: {}", call.name,
                   suggestion.empty() ? "" : fmt::format(", did you mean {}()?", suggestion),
                   fmt::join(names, ", ")));
}

}  // namespace gyrus
