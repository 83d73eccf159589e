#include "trainer/checkpoint/pickle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <unordered_map>

#include "launch/error.hpp"
#include "trainer/checkpoint/zip_archive.hpp"

namespace gyrus {
namespace {

using Kind = PickleNode::Kind;

/// A published checkpoint's pickle has about 300 KB; what is far beyond that is not one.
constexpr std::size_t largest_pickle = 4 << 20;

/// Opcodes of protocol 2 that torch.save writes.
enum Opcode : unsigned char {
  mark = '(',
  stop = '.',
  binfloat = 'G',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  none = 'N',
  reduce = 'R',
  binunicode = 'X',
  append = 'a',
  build = 'b',
  imported = 'c',
  appends = 'e',
  binget = 'h',
  long_binget = 'j',
  empty_list = ']',
  binput = 'q',
  long_binput = 'r',
  setitem = 's',
  tuple = 't',
  empty_tuple = ')',
  setitems = 'u',
  empty_dict = '}',
  binpersid = 'Q',
  proto = 0x80,
  newobj = 0x81,
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  newtrue = 0x88,
  newfalse = 0x89,
  long1 = 0x8a,
  long4 = 0x8b
};

/// Modules whose functions act on the machine: no data of a checkpoint needs their names.
constexpr std::array harmful_modules = {
    "os",       "posix",           "nt",         "subprocess", "sys",    "shutil",  "socket",  "importlib",
    "imp",      "runpy",           "ctypes",     "pty",        "pickle", "_pickle", "marshal", "code",
    "commands", "multiprocessing", "webbrowser", "timeit",     "pdb",    "bdb",     "pip"};

/// Of the built-in names only types of data may be named.
constexpr std::array builtin_types = {"dict", "list",    "tuple", "set",       "frozenset",
                                      "int",  "long",    "float", "complex",   "bool",
                                      "str",  "unicode", "bytes", "bytearray", "object"};

template <std::size_t N>
bool contains(const std::array<const char*, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_harmful(std::string_view module, std::string_view name) {
  const std::string_view top = module.substr(0, module.find('.'));
  if (top == "builtins" || top == "__builtin__") return !contains(builtin_types, name);
  return contains(harmful_modules, top);
}

class Reader {
 public:
  Reader(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  Pickle read() {
    if (bytes_.size() > largest_pickle)
      throw DataError(
          fmt::format("{} has {} bytes, a checkpoint's pickle has at most {}: not a file that gyrus reads",
                      where_, bytes_.size(), largest_pickle));
    while (true) {
      opcode_at_ = position_;
      const auto opcode = number<unsigned char>();
      if (opcode == stop) break;
      execute(opcode);
    }
    if (stack_.size() != 1) fail("ends with more or less than one value");
    pickle_.root = stack_.back();
    return std::move(pickle_);
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw DataError(fmt::format(
        "{}, byte {}: {}; nothing of the file was run. Only checkpoints as torch.save writes them "
        "are read",
        where_, opcode_at_, what));
  }

  // ---- the bytes

  std::span<const std::byte> take(std::size_t size) {
    if (size > bytes_.size() - position_) fail("the pickle ends too early");
    const auto taken = bytes_.subspan(position_, size);
    position_ += size;
    return taken;
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::string_view take_text(std::size_t size) {
    const auto taken = take(size);
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};
  }
  std::string_view take_line() {
    const auto rest = bytes_.subspan(position_);
    const auto end = std::ranges::find(rest, std::byte{'\n'});
    if (end == rest.end()) fail("the pickle ends within a name");
    const auto line = take_text(static_cast<std::size_t>(end - rest.begin()));
    ++position_;
    return line;
  }
  double big_endian_double() {
    std::uint64_t bits = 0;
    for (const std::byte byte : take(8)) bits = (bits << 8) | static_cast<std::uint64_t>(byte);
    return std::bit_cast<double>(bits);
  }

  // ---- the stack

  void push(PickleNode node) {
    stack_.push_back(static_cast<PickleIndex>(pickle_.nodes.size()));
    pickle_.nodes.push_back(std::move(node));
  }
  void push(Kind kind) { push(PickleNode{.kind = kind}); }
  PickleIndex pop() {
    // What lies below a mark belongs to an outer container.
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("takes a value where there is none");
    const PickleIndex index = stack_.back();
    stack_.pop_back();
    return index;
  }
  std::vector<PickleIndex> pop_to_mark() {
    if (marks_.empty()) fail("takes values up to a mark that is not there");
    std::vector<PickleIndex> values(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()),
                                    stack_.end());
    stack_.resize(marks_.back());
    marks_.pop_back();
    return values;
  }
  PickleNode& top() {
    if (stack_.size() <= (marks_.empty() ? 0 : marks_.back())) fail("changes a value where there is none");
    return pickle_.nodes[stack_.back()];
  }

  void execute(unsigned char opcode) {
    switch (opcode) {
      case proto:
        if (number<unsigned char>() != 2) fail("is not a pickle of protocol 2");
        return;
      case mark:
        return marks_.push_back(stack_.size());
      case tuple:
        return push({.kind = Kind::tuple, .items = pop_to_mark()});
      case tuple1:
        return push_tuple(1);
      case tuple2:
        return push_tuple(2);
      case tuple3:
        return push_tuple(3);
      case append:
        return extend(Kind::list, {pop()});
      case appends:
        return extend(Kind::list, pop_to_mark());
      case setitem:
        return set_item();
      case setitems:
        return extend(Kind::dict, pop_to_mark());
      case binput:
        return remember(number<std::uint8_t>());
      case long_binput:
        return remember(number<std::uint32_t>());
      case binget:
        return recall(number<std::uint8_t>());
      case long_binget:
        return recall(number<std::uint32_t>());
      case imported:
        return push_import();
      case binpersid:
        return push_storage();
      case reduce:
        return call_by_name();
      case newobj:
        return make_object();
      case build:
        return set_state();
      default:
        return push_value(opcode);
    }
  }

  // ---- values

  /// What an opcode makes of nothing but the bytes behind it.
  void push_value(unsigned char opcode) {
    switch (opcode) {
      case none:
        return push(Kind::none);
      case newtrue:
        return push({.kind = Kind::boolean, .integer = 1});
      case newfalse:
        return push(Kind::boolean);
      case binint:
        return push({.kind = Kind::integer, .integer = number<std::int32_t>()});
      case binint1:
        return push({.kind = Kind::integer, .integer = number<std::uint8_t>()});
      case binint2:
        return push({.kind = Kind::integer, .integer = number<std::uint16_t>()});
      case long1:
        return push_long(number<std::uint8_t>());
      case long4:
        return push_long(number<std::uint32_t>());
      case binfloat:
        return push({.kind = Kind::real, .real = big_endian_double()});
      case binunicode:
        return push({.kind = Kind::text, .text = take_text(number<std::uint32_t>())});
      case empty_tuple:
        return push(Kind::tuple);
      case empty_list:
        return push(Kind::list);
      case empty_dict:
        return push(Kind::dict);
      default:
        fail(fmt::format("opcode 0x{:02x} is not one that torch.save writes", opcode));
    }
  }

  /// A Python integer of any size; beyond 64 bits it is opaque.
  void push_long(std::size_t size) {
    const auto digits = take(size);
    if (size > 8) return push({.kind = Kind::opaque, .text = "an integer beyond 64 bits"});
    std::uint64_t value =
        size > 0 && (digits.back() & std::byte{0x80}) != std::byte{0} ? ~std::uint64_t{0} : 0;
    for (std::size_t i = size; i-- > 0;) value = (value << 8) | static_cast<std::uint64_t>(digits[i]);
    push({.kind = Kind::integer, .integer = static_cast<std::int64_t>(value)});
  }
  void push_tuple(std::size_t size) {
    std::vector<PickleIndex> items(size);
    for (std::size_t i = size; i-- > 0;) items[i] = pop();
    push({.kind = Kind::tuple, .items = std::move(items)});
  }
  void set_item() {
    const PickleIndex value = pop(), key = pop();
    extend(Kind::dict, {key, value});
  }
  /// Adds to the container on top; what an opaque object receives is dropped with it.
  void extend(Kind kind, const std::vector<PickleIndex>& items) {
    PickleNode& container = top();
    if (container.kind == Kind::opaque) return;
    if (container.kind != kind) fail("adds items to a value that holds none");
    if (kind == Kind::dict && items.size() % 2 != 0) fail("adds a key without a value");
    container.items.insert(container.items.end(), items.begin(), items.end());
  }

  void remember(std::uint32_t name) {
    top();  // there must be one
    memo_[name] = stack_.back();
  }
  void recall(std::uint32_t name) {
    const auto found = memo_.find(name);
    if (found == memo_.end()) fail("recalls a value that was not remembered");
    stack_.push_back(found->second);
  }

  // ---- what Python would import and call

  void push_import() {
    const std::string_view module = take_line(), name = take_line();
    if (is_harmful(module, name))
      fail(fmt::format(
          "the file asks Python to run {}.{}, which no checkpoint needs: do not open it with Python either",
          printable(module), printable(name)));
    // One text for both: "module name" as they stand in the file, parted by the line feed.
    push({.kind = Kind::imported,
          .text = {module.data(), static_cast<std::size_t>(name.end() - module.begin())}});
  }
  bool is_import(PickleIndex index, std::string_view module_and_name) const {
    return pickle_[index].kind == Kind::imported && pickle_[index].text == module_and_name;
  }
  void push_storage() {
    const PickleIndex description = pop();
    const auto& items = pickle_[description].items;
    const auto kind_of = [&](std::size_t i) { return pickle_[items[i]].kind; };
    if (pickle_[description].kind != Kind::tuple || items.size() != 5 || kind_of(0) != Kind::text ||
        pickle_[items[0]].text != "storage" || kind_of(1) != Kind::imported || kind_of(2) != Kind::text ||
        kind_of(4) != Kind::integer)
      fail("a persistent id is not ('storage', class, key, device, number of values)");
    push({.kind = Kind::storage, .items = {items.begin() + 1, items.end()}});
  }
  void push_opaque(PickleIndex maker) {
    if (pickle_[maker].kind != Kind::imported) fail("calls a value that has no name");
    const std::string_view name = pickle_[maker].text;
    std::string readable(name);
    std::ranges::replace(readable, '\n', '.');
    pickle_.skipped.insert(printable(readable));
    push({.kind = Kind::opaque, .text = name});
  }
  void call_by_name() {
    const PickleIndex arguments = pop(), function = pop();
    const PickleNode& given = pickle_[arguments];
    if (given.kind != Kind::tuple) fail("calls with something that is no tuple");
    if (is_import(function, "torch._utils\n_rebuild_tensor_v2")) {
      if (given.items.size() < 4 || pickle_[given.items[0]].kind != Kind::storage)
        fail("a tensor has no storage");
      push({.kind = Kind::tensor, .items = {given.items.begin(), given.items.begin() + 4}});
    } else if (is_import(function, "collections\nOrderedDict") && given.items.empty()) {
      push(Kind::dict);
    } else {
      push_opaque(function);
    }
  }
  void make_object() {
    pop();  // arguments
    push_opaque(pop());
  }
  /// Attributes of an object: of an OrderedDict they say nothing about its content, of an opaque one they go
  /// with it.
  void set_state() {
    pop();
    const Kind kind = top().kind;
    if (kind != Kind::opaque && kind != Kind::dict) fail("sets attributes of a value that has none");
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::size_t position_ = 0, opcode_at_ = 0;
  Pickle pickle_;
  std::vector<PickleIndex> stack_;
  std::vector<std::size_t> marks_;  // stack sizes
  std::unordered_map<std::uint32_t, PickleIndex> memo_;
};

}  // namespace

const PickleNode* Pickle::find(const PickleNode& dict, std::string_view key) const {
  for (std::size_t i = dict.items.size(); i >= 2; i -= 2) {
    const PickleNode& found = nodes[dict.items[i - 2]];
    if (found.kind == Kind::text && found.text == key) return &nodes[dict.items[i - 1]];
  }
  return nullptr;
}

Pickle read_pickle(std::span<const std::byte> bytes, const std::string& where) {
  return Reader(bytes, where).read();
}

}  // namespace gyrus
