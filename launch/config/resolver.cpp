// Interpolations are resolved lazily and recursively; values that are being resolved are remembered, so a
// circle is found.
#include "launch/config/resolver.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <map>
#include <optional>

#include "launch/config/interpolation_text.hpp"
#include "launch/config/override_parser.hpp"

namespace gyrus {
namespace {

constexpr std::size_t max_depth = 200;  // of interpolations in interpolations; the stack has to hold them
// Values that name others twice double with each step; of what may be made out of a configuration: values,
// and texts in units of 64 bytes.
constexpr std::size_t max_size = 300'000, bytes_per_unit = 64;

/// A place in the tree: the containers from the root down, and the path for messages.
struct Place {
  std::vector<const ConfigNode*> containers;
  std::vector<std::string> keys;

  std::string path() const { return fmt::format("{}", fmt::join(keys, ".")); }
  Place below(const ConfigNode& container, const std::string& key) const {
    Place deeper = *this;
    deeper.containers.push_back(&container);
    deeper.keys.push_back(key);
    return deeper;
  }
};

class Resolver {
 public:
  explicit Resolver(const ConfigNode& root) : root_(root) {}

  ConfigNode resolve_node(const ConfigNode& node, const Place& place) {
    spend(1 + node.text.size() / bytes_per_unit, place);
    if (node.has_interpolation()) {
      const Active guard(*this, node, place);
      ConfigNode value = resolve_text(node.text, place);
      if (node.quote != '\0') value = ConfigNode::make_text(spell(value));
      value.origin = node.origin;
      value.replaced = node.replaced;
      return value;
    }
    if (!node.is_list() && !node.is_mapping()) return node;
    ConfigNode copy = ConfigNode::with_kind(node.kind);
    copy.origin = node.origin;
    copy.replaced = node.replaced;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      copy.items.push_back(resolve_node(node.items[i], place.below(node, std::to_string(i))));
    }
    for (const auto& [key, value] : node.entries) {
      copy.entries.emplace_back(key, resolve_node(value, place.below(node, key.text)));
    }
    return copy;
  }

  /// The top of the tree, but for Hydra's own node.
  ConfigNode resolve_program(const ConfigNode& root) {
    if (!root.is_mapping()) return resolve_node(root, {});
    ConfigNode copy = ConfigNode::make_mapping();
    copy.origin = root.origin;
    for (const auto& [key, value] : root.entries)
      if (key != ConfigKey(hydra_key))
        copy.entries.emplace_back(key, resolve_node(value, Place().below(root, key.text)));
    return copy;
  }

  /// The resolved value at `key`, relative to `place` when it begins with dots; nothing when it does not
  /// exist.
  std::optional<ConfigNode> find(const std::string& key, const Place& place) {
    const std::optional<Found> found = locate(key, place);
    if (!found) return {};
    return found->resolved ? *found->resolved : resolve_node(*found->node, found->place);
  }

 private:
  /// A value of the tree and its place, or one that came out of an interpolation on the way.
  struct Found {
    const ConfigNode* node;
    Place place;
    std::optional<ConfigNode> resolved;
  };

  /// Like find_path of one key; a mapping of many keys is indexed when it is searched first. Not one that a
  /// relative path begins in: it may be an argument of a resolver, whose place in memory another takes later.
  const ConfigNode* child_of(const ConfigNode& node, const std::string& key, bool is_absolute) {
    constexpr std::size_t many = 16;
    if (!is_absolute || !node.is_mapping() || node.entries.size() < many) return node.find_path(key);
    const auto place = indices_.try_emplace(&node, node).first->second.find(key);
    return place ? &node.entries[*place].second : nullptr;
  }

  std::optional<Found> locate(const std::string& key, const Place& place) {
    std::size_t num_dots = 0;
    while (num_dots < key.size() && key[num_dots] == '.') ++num_dots;
    Found found{&root_, {}, {}};
    if (num_dots > 0) {
      if (num_dots > place.containers.size()) return {};
      const auto depth = static_cast<std::ptrdiff_t>(place.containers.size() - num_dots);
      found.node = place.containers[static_cast<std::size_t>(depth)];
      found.place.containers.assign(place.containers.begin(), place.containers.begin() + depth);
      found.place.keys.assign(place.keys.begin(), place.keys.begin() + depth);
    }
    const std::string rest = key.substr(num_dots);
    if (rest.empty()) return found;
    const std::vector<std::string> keys = split(rest, '.');
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const ConfigNode* child = child_of(*found.node, keys[i], num_dots == 0);
      if (!child) return {};
      found.place = found.place.below(*found.node, keys[i]);
      found.node = child;
      if (i + 1 == keys.size() || !child->has_interpolation()) continue;
      const ConfigNode target = resolve_node(*child, found.place);
      const auto below = keys.begin() + static_cast<std::ptrdiff_t>(i) + 1;
      const ConfigNode* value = target.find_path(fmt::format("{}", fmt::join(below, keys.end(), ".")));
      if (!value) return {};
      found.resolved = *value;
      return found;
    }
    return found;
  }

  /// Marks a node as being resolved for the life of the object. @throws CompositionError
  /// (interpolation_cycle)
  class Active {
   public:
    Active(Resolver& owner, const ConfigNode& node, const Place& place) : owner_(owner) {
      const auto known = std::find(owner.active_.begin(), owner.active_.end(), &node);
      if (known != owner.active_.end()) {
        std::vector<std::string> circle(owner.active_paths_.begin() + (known - owner.active_.begin()),
                                        owner.active_paths_.end());
        circle.push_back(place.path());
        throw CompositionError("interpolation_cycle",
                               fmt::format("{} ({}): interpolations go in a circle: {}", place.path(),
                                           node.origin.describe(), fmt::join(circle, " -> ")));
      }
      if (owner.active_.size() >= max_depth) {
        throw CompositionError("interpolation_cycle",
                               fmt::format("{} ({}): a chain of more than {} interpolations", place.path(),
                                           node.origin.describe(), max_depth));
      }
      owner.active_.push_back(&node);
      owner.active_paths_.push_back(place.path());
    }
    ~Active() {
      owner_.active_.pop_back();
      owner_.active_paths_.pop_back();
    }
    Active(const Active&) = delete;
    Active& operator=(const Active&) = delete;

   private:
    Resolver& owner_;
  };

  /// Counts interpolations inside interpolations of one text.
  class Depth {
   public:
    Depth(Resolver& owner, const Place& place) : owner_(owner) {
      if (owner.depth_ >= 2 * max_depth)
        owner.fail("interpolation_syntax", place, "interpolations are nested too deeply");
      ++owner.depth_;
    }
    ~Depth() { --owner_.depth_; }
    Depth(const Depth&) = delete;
    Depth& operator=(const Depth&) = delete;

   private:
    Resolver& owner_;
  };

  void spend(std::size_t units, const Place& place) {
    size_ += units;
    if (size_ > max_size)
      fail("interpolation_cycle", place,
           fmt::format("the interpolations make more than {} values; do they name each other?", max_size));
  }

  [[noreturn]] void fail(const char* kind, const Place& place, const std::string& what) const {
    std::string where = place.path();
    if (!active_.empty()) where += fmt::format(" ({})", active_.back()->origin.describe());
    throw CompositionError(kind, where + ": " + what);
  }

  /// One interpolation alone keeps its type; inside a longer text it is spelled out.
  ConfigNode resolve_text(const std::string& text, const Place& place) {
    if (text.starts_with("${") && find_interpolation_end(text, 0) == text.size()) {
      return resolve_interpolation(text, place);
    }
    std::string result;
    for (std::size_t position = 0; position < text.size();) {
      std::size_t num_backslashes = 0;
      while (position + num_backslashes < text.size() && text[position + num_backslashes] == '\\')
        ++num_backslashes;
      const std::size_t next = position + num_backslashes;
      if (text.compare(next, 2, "${") != 0) {
        result.append(num_backslashes, '\\');
        if (next < text.size()) result += text[next];
        position = next + 1;
        continue;
      }
      // Before an interpolation two backslashes are one, and a single one makes it plain text.
      result.append(num_backslashes / 2, '\\');
      if (num_backslashes % 2 == 1) {
        result += "${";
        position = next + 2;
        continue;
      }
      const std::size_t end = find_interpolation_end(text, next);
      if (end == std::string::npos) {
        fail("interpolation_syntax", place,
             fmt::format("'{}' has no closing brace", shortened(text.substr(next))));
      }
      const std::string part = spell(resolve_interpolation(text.substr(next, end - next), place));
      spend(part.size() / bytes_per_unit, place);
      result += part;
      position = end;
    }
    return ConfigNode::make_text(result);
  }

  ConfigNode resolve_interpolation(const std::string& text, const Place& place) {
    const Depth depth(*this, place);
    if (find_interpolation_end(text, 0) == std::string::npos)
      fail("interpolation_syntax", place, fmt::format("'{}' has no closing brace", shortened(text)));
    const std::string body = trim_blanks(std::string_view(text).substr(2, text.size() - 3));
    const std::size_t colon = find_resolver_colon(body);
    if (colon == std::string::npos) return look_up(expand_key(body, place), place, text);
    const std::string name = expand_key(trim_blanks(body.substr(0, colon)), place);
    return call(name, body.substr(colon + 1), place);
  }

  /// Replaces nested interpolations in a key by their text, brackets by dots.
  std::string expand_key(const std::string& body, const Place& place) {
    std::string key;
    for (std::size_t i = 0; i < body.size();) {
      if (body.compare(i, 2, "${") == 0) {
        const std::size_t end = find_interpolation_end(body, i);
        if (end == std::string::npos)
          fail("interpolation_syntax", place, fmt::format("'{}' has no closing brace", shortened(body)));
        const std::string nested = body.substr(i, end - i);
        const ConfigNode value = resolve_interpolation(nested, place);
        if (!value.is_text()) {
          fail("interpolation_key_type", place,
               fmt::format("{} stands for a key and must be text, not {}", nested, describe_value(value)));
        }
        key += value.text;
        i = end;
        continue;
      }
      if (body[i] == '[') {
        if (!key.empty()) key += '.';
      } else if (body[i] != ']') {
        key += body[i];
      }
      ++i;
    }
    return key;
  }

  ConfigNode look_up(const std::string& key, const Place& place, const std::string& text) {
    if (key.find_first_of(" {}'\"") != std::string::npos) {
      fail("interpolation_syntax", place, fmt::format("'{}' is not an interpolation", shortened(text)));
    }
    std::optional<ConfigNode> value = find(key, place);
    if (!value)
      fail(
          "interpolation_key", place,
          fmt::format("{} names '{}', which no file and no override sets (defaults of the program count only "
                      "once they are set)",
                      shortened(text), key));
    if (value->is_missing()) {
      fail("interpolation_missing", place,
           fmt::format("{0} needs '{1}', which has no value yet; set {1}=...", text, key));
    }
    return *value;
  }

  /// Arguments are values of the override grammar, in which interpolations may stand.
  ConfigNode argument(const std::string& text, const Place& place) {
    try {
      return resolve_node(parse_value(text), place);
    } catch (const CompositionError& error) {
      if (std::string_view(error.kind) == "interpolation_syntax") fail(error.kind, place, error.what());
      throw;
    }
  }

  ConfigNode call(const std::string& name, const std::string& argument_text, const Place& place) {
    std::vector<ConfigNode> arguments;
    for (const std::string& text : split_resolver_arguments(argument_text))
      arguments.push_back(argument(text, place));
    const std::size_t most = name == "oc.env" || name == "oc.select" ? 2 : 1;
    if (name == "oc.env" || name == "oc.select" || name == "oc.decode" || name == "oc.create" ||
        name == "oc.dict.keys" || name == "oc.dict.values") {
      if (arguments.size() > most) {
        fail("resolver_failed", place,
             fmt::format("{} takes at most {} arguments, not {}", name, most, arguments.size()));
      }
    }
    if (name == "oc.env") return call_env(arguments, place);
    if (name == "oc.create") return arguments[0];
    if (name == "oc.select") {
      std::optional<ConfigNode> value = find(spell(arguments[0]), place);
      if (value && !value->is_missing()) return *value;
      return arguments.size() > 1 ? arguments[1] : ConfigNode::make_null();
    }
    if (name == "oc.decode") {
      if (arguments[0].is_null()) return arguments[0];
      if (!arguments[0].is_text()) {
        fail("resolver_failed", place,
             fmt::format("oc.decode takes text, not {}", describe_value(arguments[0])));
      }
      return argument(arguments[0].text, place);
    }
    if (name == "hydra")
      return look_up(join_path(hydra_key, spell(arguments[0])), place, "${hydra:" + argument_text + "}");
    if (name == "oc.dict.keys" || name == "oc.dict.values") return call_dict(name, arguments[0], place);
    fail("unknown_resolver", place,
         fmt::format("'{}' is no resolver; there are oc.env, oc.select, oc.decode, oc.create, "
                     "oc.dict.keys, oc.dict.values and hydra",
                     name));
  }

  ConfigNode call_env(const std::vector<ConfigNode>& arguments, const Place& place) const {
    const std::string variable = spell(arguments[0]);
    if (const char* value = std::getenv(variable.c_str())) return ConfigNode::make_text(value);
    if (arguments.size() > 1)
      return arguments[1].is_null() ? arguments[1] : ConfigNode::make_text(spell(arguments[1]));
    fail("env_missing", place,
         fmt::format("the environment variable {0} is not set; export {0}=..., or give a default: "
                     "${{oc.env:{0},default}}",
                     variable));
  }

  /// The keys alone need no values: those may still be missing, or name this very list.
  ConfigNode call_dict(const std::string& name, const ConfigNode& key, const Place& place) {
    std::optional<Found> found = locate(spell(key), place);
    if (!found) fail("interpolation_key", place, fmt::format("{}: '{}' does not exist", name, spell(key)));
    const bool keys_only = name == "oc.dict.keys" && !found->resolved && found->node->is_mapping();
    if (!keys_only && !found->resolved) found->resolved = resolve_node(*found->node, found->place);
    const ConfigNode& mapping = found->resolved ? *found->resolved : *found->node;
    if (!mapping.is_mapping())
      fail("resolver_failed", place,
           fmt::format("{}: '{}' is {}, not a mapping", name, spell(key), describe_value(mapping)));
    ConfigNode list = ConfigNode::make_list();
    for (const auto& [entry_key, value] : mapping.entries)
      list.items.push_back(name == "oc.dict.keys" ? ConfigNode::make_text(entry_key.text) : value);
    return list;
  }

  const ConfigNode& root_;
  std::map<const ConfigNode*, KeyIndex> indices_;  // of mappings of the tree itself, which does not change
  std::vector<const ConfigNode*> active_;
  std::vector<std::string> active_paths_;
  std::size_t depth_ = 0, size_ = 0;
};

}  // namespace

ConfigNode resolve(const ConfigNode& root) {
  return Resolver(root).resolve_program(root);
}

ConfigNode resolve_at(const ConfigNode& root, const std::string& path) {
  const std::optional<ConfigNode> value = Resolver(root).find(path, {});
  if (!value)
    throw CompositionError("interpolation_key", fmt::format("'{}' is not in the configuration", path));
  return *value;
}

}  // namespace gyrus
