#include "trainer/checkpoint/published.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "launch/error.hpp"
#include "trainer/checkpoint/pickle.hpp"
#include "trainer/checkpoint/zip_archive.hpp"

namespace gyrus {
namespace {

using Kind = PickleNode::Kind;

constexpr std::size_t most_dimensions = 16;
constexpr std::int64_t most_steps = 1'000'000'000;  // of an optimizer; more is no training

struct StorageType {
  const char* import;  // as the pickle names it
  const char* dtype;
  std::uint64_t value_bytes;
};
constexpr std::array storage_types = {
    StorageType{"torch\nFloatStorage", "F32", 4}, StorageType{"torch\nDoubleStorage", "F64", 8},
    StorageType{"torch\nHalfStorage", "F16", 2},  StorageType{"torch\nBFloat16Storage", "BF16", 2},
    StorageType{"torch\nLongStorage", "I64", 8},  StorageType{"torch\nIntStorage", "I32", 4},
    StorageType{"torch\nByteStorage", "U8", 1},   StorageType{"torch\nBoolStorage", "BOOL", 1}};

/// The place of the last value of a tensor in its storage, or nothing when a number is negative or beyond 64
/// bits.
std::optional<std::int64_t> last_value(std::int64_t offset, const std::vector<std::int64_t>& shape,
                                       const std::vector<std::int64_t>& strides) {
  if (offset < 0) return std::nullopt;
  std::int64_t last = offset;
  for (std::size_t d = 0; d < shape.size(); ++d) {
    std::int64_t reach = 0;
    if (shape[d] < 0 || strides[d] < 0 ||
        __builtin_mul_overflow(std::max<std::int64_t>(0, shape[d] - 1), strides[d], &reach) ||
        __builtin_add_overflow(last, reach, &last))
      return std::nullopt;
  }
  return last;
}

/// Whether the product of the extents fits what a tensor of `limit` values can have without repeating any.
bool has_at_most(const std::vector<std::int64_t>& shape, std::int64_t limit) {
  if (std::ranges::find(shape, 0) != shape.end()) return true;
  std::int64_t count = 1;
  for (const std::int64_t extent : shape)
    if (__builtin_mul_overflow(count, extent, &count) || count > limit) return false;
  return true;
}

/// Turns values of the pickle into tensors of the archive.
class TensorReader {
 public:
  TensorReader(const ZipArchive& archive, std::string folder, const Pickle& pickle)
      : archive_(archive), folder_(std::move(folder)), pickle_(pickle) {}

  /// @param name  of the tensor in messages
  PublishedTensor read(const PickleNode& node, const std::string& name) {
    const auto refuse = [&](const std::string& why) {
      return DataError(fmt::format("{}: {} {}; the file is damaged or was not written by torch.save",
                                   archive_.path().string(), printable(name), why));
    };
    if (node.kind == Kind::opaque) {
      std::string maker(node.text);
      std::ranges::replace(maker, '\n', '.');
      throw refuse(fmt::format("is no tensor but an object of {}, which is never made", printable(maker)));
    }
    if (node.kind != Kind::tensor) throw refuse("is no tensor");
    const PickleNode& storage = pickle_[node.items[0]];
    const PickleNode& offset = pickle_[node.items[1]];
    const auto type = std::ranges::find_if(storage_types, [&](const StorageType& each) {
      return pickle_[storage.items[0]].text == each.import;
    });
    if (type == storage_types.end()) throw refuse("has values of a type that gyrus does not read");
    PublishedTensor tensor;
    tensor.dtype = type->dtype;
    tensor.storage = folder_ + "data/" + std::string(pickle_[storage.items[1]].text);
    const auto shape = extents(pickle_[node.items[2]]), strides = extents(pickle_[node.items[3]]);
    if (offset.kind != Kind::integer || !shape || !strides || shape->size() != strides->size() ||
        shape->size() > most_dimensions)
      throw refuse("has a malformed shape");
    tensor.shape = *shape;
    tensor.strides = *strides;
    const std::int64_t count = pickle_[storage.items[3]].integer;
    const auto last = last_value(offset.integer, *shape, *strides);
    const bool is_empty = std::ranges::find(*shape, 0) != shape->end();
    if (count < 0 || !last || !has_at_most(*shape, count) || (!is_empty && *last >= count))
      throw refuse(fmt::format("lies outside its storage of {} values", count));
    if (!archive_.has(tensor.storage))
      throw refuse(fmt::format("has its values in {}, which the archive lacks", printable(tensor.storage)));
    const auto bytes = archive_.bytes(tensor.storage);
    if (bytes.size() / type->value_bytes != static_cast<std::uint64_t>(count) ||
        bytes.size() % type->value_bytes != 0)
      throw refuse(fmt::format("has a storage of {} bytes, {} values of type {} are announced", bytes.size(),
                               count, type->dtype));
    tensor.values =
        bytes.data() + static_cast<std::uint64_t>(is_empty ? 0 : offset.integer) * type->value_bytes;
    return tensor;
  }

  /// Compares the bytes of the tensor's storage with their checksum, once for each storage. @throws DataError
  void check_values(const PublishedTensor& tensor) {
    if (checked_.insert(tensor.storage).second) archive_.checked_bytes(tensor.storage);
  }

 private:
  std::optional<std::vector<std::int64_t>> extents(const PickleNode& node) const {
    if (node.kind != Kind::tuple) return std::nullopt;
    std::vector<std::int64_t> result;
    for (const PickleIndex item : node.items) {
      if (pickle_[item].kind != Kind::integer) return std::nullopt;
      result.push_back(pickle_[item].integer);
    }
    return result;
  }

  const ZipArchive& archive_;
  std::string folder_;  // of the archive, with a slash
  const Pickle& pickle_;
  std::set<std::string> checked_;  // storages
};

std::int64_t integer_or_zero(const PickleNode* node) {
  return node != nullptr && node->kind == Kind::integer ? node->integer : 0;
}

/// The step of one parameter: a number in old files, a tensor of one value in new ones.
std::optional<std::int64_t> step_of(const PickleNode* node, TensorReader& tensors) {
  if (node == nullptr) return std::nullopt;
  if (node->kind == Kind::integer)
    return node->integer >= 0 && node->integer < most_steps ? std::optional(node->integer) : std::nullopt;
  if (node->kind != Kind::tensor) return std::nullopt;
  const PublishedTensor tensor = tensors.read(*node, "the optimizer's step");
  if (tensor.dtype != "F32" || !has_at_most(tensor.shape, 1) ||
      std::ranges::find(tensor.shape, 0) != tensor.shape.end())
    return std::nullopt;
  tensors.check_values(tensor);
  float value;
  std::memcpy(&value, tensor.values, sizeof value);
  if (!(value >= 0.0f && value < static_cast<float>(most_steps))) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

void read_moments(PublishedCheckpoint& checkpoint, const Pickle& pickle, const PickleNode& root,
                  TensorReader& tensors) {
  const auto give_up = [&](std::string why) {
    checkpoint.moments.clear();
    checkpoint.moments_problem = std::move(why);
  };
  const PickleNode* all = pickle.find(root, "optimizer_states");
  if (all == nullptr || all->kind != Kind::list || all->items.size() != 1)
    return give_up("the file has no optimizer_states of exactly one optimizer");
  const PickleNode& optimizer = pickle[all->items[0]];
  const PickleNode* state = optimizer.kind == Kind::dict ? pickle.find(optimizer, "state") : nullptr;
  if (state == nullptr || state->kind != Kind::dict || state->items.empty())
    return give_up("the optimizer's state is empty");
  for (std::size_t i = 0; i < state->items.size(); i += 2) {
    const PickleNode &key = pickle[state->items[i]], &entry = pickle[state->items[i + 1]];
    if (key.kind != Kind::integer || entry.kind != Kind::dict)
      return give_up("the optimizer's state is not one of PyTorch's");
    const PickleNode *first = pickle.find(entry, "exp_avg"), *second = pickle.find(entry, "exp_avg_sq");
    const auto step = step_of(pickle.find(entry, "step"), tensors);
    if (first == nullptr || second == nullptr || !step)
      return give_up(fmt::format("parameter {} has no possible step, exp_avg and exp_avg_sq", key.integer));
    const auto name = [&](const char* part) {
      return fmt::format("{} of the optimizer's parameter {}", part, key.integer);
    };
    checkpoint.moments[key.integer] = {*step, tensors.read(*first, name("exp_avg")),
                                       tensors.read(*second, name("exp_avg_sq"))};
  }
}

}  // namespace

const PublishedTensor* PublishedCheckpoint::find(const std::string& name) const {
  const auto found = std::ranges::find(state, name, [](const auto& entry) { return entry.first; });
  return found == state.end() ? nullptr : &found->second;
}

PublishedCheckpoint read_published(const std::filesystem::path& file) {
  PublishedCheckpoint checkpoint;
  checkpoint.archive = std::make_shared<const ZipArchive>(file);
  const ZipArchive& archive = *checkpoint.archive;
  const std::string pickle_name = archive.name_ending_with("/data.pkl");
  const std::string folder = pickle_name.substr(0, pickle_name.size() - std::string("data.pkl").size());
  if (archive.has(folder + "byteorder")) {
    const auto order = archive.bytes(folder + "byteorder");
    const std::string text(reinterpret_cast<const char*>(order.data()), order.size());
    if (text != "little")
      throw DataError(fmt::format("{} was written with byte order {}; gyrus reads little", file.string(),
                                  printable(text)));
  }
  const Pickle pickle = read_pickle(archive.checked_bytes(pickle_name),
                                    fmt::format("{}: {}", file.string(), printable(pickle_name)));
  checkpoint.skipped_classes = pickle.skipped;
  const PickleNode& root = pickle[pickle.root];
  const PickleNode* state = root.kind == Kind::dict ? pickle.find(root, "state_dict") : nullptr;
  if (state == nullptr || state->kind != Kind::dict)
    throw DataError(
        fmt::format("{} has no state_dict: it is no checkpoint of PyTorch Lightning", file.string()));
  checkpoint.epoch = integer_or_zero(pickle.find(root, "epoch"));
  checkpoint.global_step = integer_or_zero(pickle.find(root, "global_step"));
  if (checkpoint.global_step < 0)
    throw DataError(fmt::format("{}: global_step is {}", file.string(), checkpoint.global_step));
  TensorReader tensors(archive, folder, pickle);
  std::set<std::string> names;
  for (std::size_t i = 0; i < state->items.size(); i += 2) {
    const PickleNode& key = pickle[state->items[i]];
    if (key.kind != Kind::text)
      throw DataError(fmt::format("{}: a name in state_dict is no text", file.string()));
    std::string name(key.text);
    if (!names.insert(name).second)
      throw DataError(fmt::format("{}: state_dict has {} twice", file.string(), printable(name)));
    checkpoint.state.emplace_back(name,
                                  tensors.read(pickle[state->items[i + 1]], "state_dict entry " + name));
  }
  read_moments(checkpoint, pickle, root, tensors);
  return checkpoint;
}

void check_values(const PublishedCheckpoint& checkpoint) {
  std::set<std::string> storages;
  for (const auto& [name, tensor] : checkpoint.state) storages.insert(tensor.storage);
  for (const auto& [index, moments] : checkpoint.moments) {
    storages.insert(moments.first.storage);
    storages.insert(moments.second.storage);
  }
  for (const auto& storage : storages) checkpoint.archive->checked_bytes(storage);
}

}  // namespace gyrus
