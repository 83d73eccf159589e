#pragma once

#include <hdf5.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include "data/storage/codec.hpp"
#include "launch/handle.hpp"

/// The only place of raw HDF5 calls, but for the filters of h5_filters.cpp.
namespace gyrus::h5 {

struct FileTraits {
  using type = hid_t;
  static hid_t null() { return -1; }
  static void close(hid_t id);
};

/// Element types of files, little-endian on disk.
enum class Type { f32, f64, u8, u16, i32, u32, i64, u64 };

template <class T>
constexpr Type type_of() {
  if constexpr (std::is_same_v<T, float>) return Type::f32;
  if constexpr (std::is_same_v<T, double>) return Type::f64;
  if constexpr (std::is_same_v<T, std::uint8_t>) return Type::u8;
  if constexpr (std::is_same_v<T, std::uint16_t>) return Type::u16;
  if constexpr (std::is_same_v<T, std::int32_t>) return Type::i32;
  if constexpr (std::is_same_v<T, std::uint32_t>) return Type::u32;
  if constexpr (std::is_same_v<T, std::int64_t>) return Type::i64;
  if constexpr (std::is_same_v<T, std::uint64_t>) return Type::u64;
}

/// Where a chunk, or a dataset that is not divided into chunks, lies in its file.
struct Place {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
};

/// HDF5 has no thread safety of its own: who uses it while other threads may, holds this.
std::mutex& library_mutex();

/// An HDF5 file, read from disk or built in memory. Names are paths inside the file ("index/image").
/// Thread safety: none; see library_mutex.
class File {
 public:
  /// Read-only, without file locks (they fail on NFS and Lustre). @throws DataError: missing, not HDF5,
  /// damaged
  static File open(const std::filesystem::path& path);
  /// A new file that lives in memory; `image()` gives its bytes. A full disk can then never leave HDF5
  /// half-way.
  static File create_in_memory();

  bool has(const std::string& name) const;
  bool has_attribute(const std::string& object, const std::string& name) const;
  std::vector<std::string> children(const std::string& group) const;
  std::vector<std::int64_t> shape(const std::string& dataset) const;
  /// @throws DataError when missing, or when a damaged header claims an absurd number
  std::size_t num_elements(const std::string& dataset) const;

  /// Values are converted to T. @throws DataError when missing or of another kind
  template <class T>
  std::vector<T> read(const std::string& dataset) const {
    std::vector<T> values(num_elements(dataset));
    read_into(dataset, values.data(), type_of<T>());
    return values;
  }
  /// Slice number `slice` of a dataset [slices, rows, columns], or of [volumes, slices, rows, columns]
  /// counted on through the volumes, converted to float. @pre `values` has as many elements as a slice
  void read_slice(const std::string& dataset, std::int64_t slice, std::span<float> values) const;
  std::vector<std::string> read_texts(const std::string& dataset) const;
  std::string read_text(const std::string& dataset) const;
  template <class T>
  T attribute(const std::string& object, const std::string& name) const {
    T value{};
    read_attribute(object, name, &value, type_of<T>());
    return value;
  }
  std::string text_attribute(const std::string& object, const std::string& name) const;

  template <class T>
  void write(const std::string& dataset, const std::vector<std::int64_t>& shape, std::span<const T> values) {
    create(dataset, shape, type_of<T>());
    fill(dataset, values);
  }
  /// A dataset in one piece that takes its place in the file now and its values later, by `fill`.
  void create(const std::string& dataset, const std::vector<std::int64_t>& shape, Type type);
  template <class T>
  void fill(const std::string& dataset, std::span<const T> values) {
    write_from(dataset, values.data(), values.size(), type_of<T>());
  }
  void write_texts(const std::string& dataset, const std::vector<std::string>& texts);
  void write_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void write_attribute(const std::string& object, const std::string& name, double value);
  void write_attribute(const std::string& object, const std::string& name, const std::string& text);

  /// A dataset [slices, rows, columns] of one chunk per slice with the filters of `codec`.
  void create_sliced(const std::string& dataset, const std::vector<std::int64_t>& shape, Type type,
                     Codec codec);
  /// `bytes` went through the dataset's filters already.
  void write_slice_chunk(const std::string& dataset, std::int64_t slice, std::span<const std::byte> bytes);
  /// @throws DataError when the dataset is missing or divided into chunks
  Place place(const std::string& dataset) const;
  /// Place of every slice's chunk. Cost: quadratic in the number of slices inside HDF5 1.10 (0.04 s for 800).
  std::vector<Place> slice_chunks(const std::string& dataset) const;

  /// Bytes of a file built in memory.
  std::vector<std::byte> image() const;

 private:
  File(hid_t id, std::string name) : id_(id), name_(std::move(name)) {}
  [[noreturn]] void fail(const std::string& what) const;
  void read_into(const std::string& dataset, void* values, Type type) const;
  void read_attribute(const std::string& object, const std::string& name, void* value, Type type) const;
  void write_from(const std::string& dataset, const void* values, std::size_t count, Type type);

  Handle<FileTraits> id_;
  std::string name_;
};

}  // namespace gyrus::h5
