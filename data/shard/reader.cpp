#include "data/shard/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <mutex>

#include "data/shard/codec.hpp"
#include "data/shard/format.hpp"
#include "data/shard/h5.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

std::mutex hdf5_mutex;  // HDF5 has no thread safety of its own

/// Fills `buffer` from the file. @return "" or what went wrong
std::string read_fully(int descriptor, std::uint64_t offset, std::span<std::byte> buffer) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const ssize_t got =
        ::pread(descriptor, buffer.data() + done, buffer.size() - done, static_cast<off_t>(offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::strerror(errno);
    if (got == 0) return "the file ends before it";
    done += static_cast<std::size_t>(got);
  }
  return "";
}

void check_format(const h5::File& file, const std::filesystem::path& path) {
  if (!file.has_attribute("/", shard_format::format_attribute) ||
      file.text_attribute("/", shard_format::format_attribute) != shard_format::name) {
    throw DataError(fmt::format("{} is an HDF5 file but not a Gyrus shard: make shards with `gyrus prepare`",
                                path.string()));
  }
  const auto version = file.attribute<std::int64_t>("/", shard_format::version_attribute);
  if (version != shard_format::version) {
    throw DataError(
        fmt::format("{} has shard format version {}, this program reads version {}: run `gyrus prepare` "
                    "of this program again",
                    path.string(), version, shard_format::version));
  }
}

}  // namespace

ShardReader ShardReader::open(const std::filesystem::path& path) {
  const std::lock_guard lock(hdf5_mutex);
  const auto file = h5::File::open(path);
  check_format(file, path);

  ShardReader reader;
  reader.path_ = path;
  reader.descriptor_ = FileDescriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!reader.descriptor_ || ::fstat(reader.descriptor_.get(), &status) != 0) {
    throw DataError(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  }
  reader.bytes_ = static_cast<std::uint64_t>(status.st_size);
  reader.depth_ = file.attribute<std::int64_t>("/", shard_format::depth_attribute);
  reader.ids_ = file.read_texts(shard_format::volume_ids);
  reader.subjects_ = file.read_texts(shard_format::volume_subjects);
  const auto shape = file.shape(shard_format::image);
  const auto num_slices = static_cast<std::size_t>(reader.num_volumes() * reader.depth_);
  bool sound = shape.size() == 3 && reader.depth_ > 0 && reader.subjects_.size() == reader.ids_.size() &&
               static_cast<std::size_t>(shape[0]) == num_slices && shape[1] > 0 && shape[2] > 0;
  for (int array = 0; sound && array < 3; ++array) {
    const auto values =
        file.read<std::uint64_t>(std::string(shard_format::index_group) + shard_format::arrays[array]);
    sound = values.size() == 3 * num_slices && file.shape(shard_format::arrays[array]) == shape;
    for (std::size_t i = 0; sound && i < num_slices; ++i) {
      const Entry entry{values[3 * i], values[3 * i + 1], values[3 * i + 2]};
      sound = entry.offset <= reader.bytes_ && entry.bytes <= reader.bytes_ - entry.offset;
      reader.index_[array].push_back(entry);
    }
  }
  if (!sound)
    throw DataError(fmt::format("{} is damaged: its index does not fit its content", path.string()));
  reader.height_ = shape[1];
  reader.width_ = shape[2];
  return reader;
}

void ShardReader::read_chunk(Array array, std::int64_t volume, std::int64_t slice, std::size_t element_bytes,
                             std::span<std::byte> values) const {
  require(volume >= 0 && volume < num_volumes() && slice >= 0 && slice < depth_, "a slice lies in its shard");
  const Entry& entry = index_[static_cast<int>(array)][volume * depth_ + slice];
  thread_local std::vector<std::byte> stored;
  stored.resize(entry.bytes);
  std::string problem = read_fully(descriptor_.get(), entry.offset, stored);
  if (problem.empty() && digest64(stored) != entry.digest) problem = "its digest is wrong";
  if (problem.empty() && !decompress_chunk(stored, element_bytes, values))
    problem = "it cannot be decompressed";
  if (problem.empty()) return;
  throw DataError(fmt::format(
      "{}: {} of subject {}, slice {} is damaged: {}; delete this file and run `gyrus prepare` again",
      path_.string(), shard_format::arrays[static_cast<int>(array)], subjects_[volume], slice, problem));
}

void ShardReader::read_image(std::int64_t volume, std::int64_t slice, float* values) const {
  read_chunk(Array::image, volume, slice, sizeof(float),
             std::as_writable_bytes(std::span(values, static_cast<std::size_t>(height_ * width_))));
}

void ShardReader::read_labels(Array array, std::int64_t volume, std::int64_t slice,
                              std::uint8_t* values) const {
  read_chunk(array, volume, slice, 1,
             std::as_writable_bytes(std::span(values, static_cast<std::size_t>(height_ * width_))));
}

std::vector<std::string> ShardReader::damaged_slices() const {
  std::vector<std::string> problems;
  std::vector<std::byte> values(static_cast<std::size_t>(height_ * width_) * sizeof(float));
  for (const Array array : {Array::image, Array::mask, Array::lesion}) {
    const std::size_t element_bytes = array == Array::image ? sizeof(float) : 1;
    const auto slice_values = std::span(values).first(values.size() / sizeof(float) * element_bytes);
    for (std::int64_t volume = 0; volume < num_volumes(); ++volume) {
      for (std::int64_t slice = 0; slice < depth_; ++slice) {
        try {
          read_chunk(array, volume, slice, element_bytes, slice_values);
        } catch (const DataError& problem) {
          problems.push_back(problem.what());
        }
      }
    }
  }
  return problems;
}

}  // namespace gyrus
