#include "data/shard/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "data/storage/codec.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

/// No read of a slice from the page cache takes so long, and none from a disk or a network less.
constexpr std::chrono::microseconds cached_read(60);

template <class T>
std::span<T> thread_buffer(std::size_t size) {
  thread_local std::vector<T> buffer;
  buffer.resize(size);
  return buffer;
}

}  // namespace

ShardReader::ShardReader(std::filesystem::path path, const ShardLayout& layout)
    : path_(std::move(path)), layout_(layout), descriptor_(open_for_reading(path_)) {
  if (!descriptor_)
    throw DataError(fmt::format("cannot read shard {}: {}", path_.string(), std::strerror(errno)));
  for (int array = 0; array < 2; ++array) index_[array] = read_table<Entry>(array);
}

ShardReader ShardReader::open(const std::filesystem::path& path) {
  return ShardReader(path, ShardLayout::of_file(path));
}

std::uint64_t ShardReader::memory_bytes() const {
  return sizeof(*this) + index_.size() * sizeof(Entry) * static_cast<std::uint64_t>(layout_.num_slices());
}

template <class T>
std::vector<T> ShardReader::read_table(int table) const {
  std::vector<T> values(layout_.table_bytes(table) / sizeof(T));
  const auto bytes = std::as_writable_bytes(std::span(values));
  const TablePlace& place = layout_.tables[table];
  Fault fault = read_fully(descriptor_.get(), place.offset, bytes);
  if (!fault && digest64(bytes) != place.digest)
    fault = "it is not the one that the manifest lists: the shard is damaged or was replaced";
  if (fault)
    throw DataError(fmt::format("{}: {}: {}; run `gyrus prepare` again", path_.string(),
                                shard_format::tables[table], *fault));
  return values;
}

const std::vector<ShardReader::Entry>& ShardReader::index(Array array) const {
  if (array != Array::lesion) return index_[static_cast<int>(array)];
  std::call_once(lesion_is_read_,
                 [this] { lesion_index_ = read_table<Entry>(static_cast<int>(Array::lesion)); });
  return lesion_index_;
}

Fault ShardReader::read_chunk(Array array, std::int64_t slice, std::span<std::byte> values) const {
  require(slice >= 0 && slice < layout_.num_slices(), "a slice lies in its shard");
  const int position = static_cast<int>(array);
  const Entry& entry = index(array)[slice];
  // No codec makes a chunk much larger than it was; no memory is taken on a damaged index's word.
  if (entry.bytes > 2 * values.size() + 4096) return "its index entry is absurd";
  const bool is_plain = layout_.codec == Codec::none && entry.bytes == values.size();
  const auto stored = is_plain ? values : thread_buffer<std::byte>(entry.bytes);
  const auto begin = std::chrono::steady_clock::now();
  if (Fault fault = read_fully(descriptor_.get(), entry.offset, stored)) return fault;
  if (std::chrono::steady_clock::now() - begin > cached_read)
    hints_left_.store(hints_per_wait, std::memory_order_relaxed);
  if (digest64(stored) != entry.digest) return "its digest is wrong";
  if (!is_plain && !decode_chunk(layout_.codec, layout_.element_bytes(position), stored, values))
    return "it cannot be decompressed";
  return std::nullopt;
}

Fault ShardReader::read_image(std::int64_t slice, float* values) const {
  const auto pixels = static_cast<std::size_t>(layout_.height * layout_.width);
  if (!layout_.quantisation)
    return read_chunk(Array::image, slice, std::as_writable_bytes(std::span(values, pixels)));
  const auto quantised = thread_buffer<std::uint16_t>(pixels);
  if (Fault fault = read_chunk(Array::image, slice, std::as_writable_bytes(quantised))) return fault;
  restore(quantised, *layout_.quantisation, values);
  return std::nullopt;
}

Fault ShardReader::read_labels(Array array, std::int64_t slice, std::uint8_t* values) const {
  const auto pixels = static_cast<std::size_t>(layout_.height * layout_.width);
  return read_chunk(array, slice, std::as_writable_bytes(std::span(values, pixels)));
}

void ShardReader::will_need(Array array, std::int64_t slice) const {
  if (hints_left_.load(std::memory_order_relaxed) <= 0) return;
  hints_left_.fetch_sub(1, std::memory_order_relaxed);
  const Entry& entry = index_[static_cast<int>(array)][slice];
  ::posix_fadvise(descriptor_.get(), static_cast<off_t>(entry.offset), static_cast<off_t>(entry.bytes),
                  POSIX_FADV_WILLNEED);
}

std::vector<std::uint32_t> ShardReader::pixel_counts(int table) const {
  return read_table<std::uint32_t>(table);
}

std::string chunk_name(SliceSource::Array array, const std::string& subject, std::int64_t slice) {
  return fmt::format("{} of subject {}, slice {}", shard_format::arrays[static_cast<int>(array)], subject,
                     slice);
}

}  // namespace gyrus
