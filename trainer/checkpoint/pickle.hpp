#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace gyrus {

/// A value of a pickle: its place in Pickle::nodes. Containers hold such places, so a value that is named in
/// many places is there once, and nothing is walked recursively however deep it is nested.
using PickleIndex = std::uint32_t;

struct PickleNode {
  enum class Kind : std::uint8_t {
    none,
    boolean,
    integer,
    real,
    text,
    tuple,
    list,
    dict,      // items: key, value, key, value, ...
    storage,   // items: class (imported), key (text), device (text), number of values (integer)
    tensor,    // items: storage, and unchecked: offset (integer), shape (tuple), strides (tuple)
    imported,  // a class or function, by its name; never looked up
    opaque     // an object of a class that is not known, its content dropped
  };
  Kind kind = Kind::none;
  std::int64_t integer = 0;  // boolean: 0 or 1
  double real = 0.0;
  std::string_view text{};  // of text: UTF-8 as it is in the file; imported, opaque: "module\nname"
  std::vector<PickleIndex> items{};
};

/// What a pickle of torch.save holds. Texts are views into the bytes that were read.
struct Pickle {
  std::vector<PickleNode> nodes;
  PickleIndex root = 0;
  std::set<std::string> skipped;  // names of the classes whose objects are opaque

  const PickleNode& operator[](PickleIndex index) const { return nodes[index]; }
  /// The value of a text key, or null. A later one of several equal keys counts.
  const PickleNode* find(const PickleNode& dict, std::string_view key) const;
};

/// Reads a pickle of protocol 2 as torch.save writes it: numbers, texts, tuples, lists, dicts, OrderedDicts
/// and tensors. Nothing that the bytes name is ever called, imported or allocated by a size that they claim:
/// an object of another class becomes an opaque value. Refused are opcodes that torch.save does not write,
/// and names of functions that no data needs (os.system, builtins.eval, ...): who wrote those did not mean to
/// store weights.
/// @param where  names the bytes in messages
/// @throws DataError naming the byte
/// Reference: the opcodes as documented in CPython's Lib/pickletools.py.
Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where);

}  // namespace gyrus
