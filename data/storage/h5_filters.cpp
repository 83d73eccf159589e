// The compression filters with ids from The HDF Group's registry, built on our codecs: 32004 (LZ4) and 32015
// (Zstandard). Their stored bytes are those of the registered plugins, so h5py with hdf5plugin reads them.
#include "data/storage/h5_filters.hpp"

#include <zstd.h>

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "launch/error.hpp"

namespace gyrus::h5 {
namespace {

constexpr H5Z_filter_t lz4_filter = 32004;
constexpr H5Z_filter_t zstd_filter = 32015;
constexpr std::size_t max_chunk_bytes = std::size_t{1} << 30;  // no memory is taken on a damaged file's word

/// Bytes that a chunk of filter data says it holds; 0 when it says nothing sound.
std::size_t claimed_bytes(Codec codec, std::span<const std::byte> stored) {
  std::uint64_t bytes = 0;
  if (codec == Codec::zstd) {
    bytes = ZSTD_getFrameContentSize(stored.data(), stored.size());
  } else if (stored.size() >= 8) {
    for (const std::byte byte : stored.first(8)) bytes = (bytes << 8) | static_cast<std::uint64_t>(byte);
  }
  return bytes <= max_chunk_bytes ? static_cast<std::size_t>(bytes) : 0;
}

/// HDF5's contract: the buffer, which malloc made, is replaced by the result. @return bytes of the result, 0
/// for failure
template <Codec codec>
std::size_t filter(unsigned flags, std::size_t, const unsigned*, std::size_t num_bytes,
                   std::size_t* buffer_bytes, void** buffer) {
  const std::span<const std::byte> given(static_cast<const std::byte*>(*buffer), num_bytes);
  std::vector<std::byte> result;
  if ((flags & H5Z_FLAG_REVERSE) == 0) {
    result = compress(codec, given);
  } else {
    result.resize(claimed_bytes(codec, given));
    if (result.empty() || !decompress(codec, given, result)) return 0;
  }
  void* replacement = std::malloc(result.size());
  if (replacement == nullptr) return 0;
  std::copy(result.begin(), result.end(), static_cast<std::byte*>(replacement));
  std::free(*buffer);
  *buffer = replacement;
  *buffer_bytes = result.size();
  return result.size();
}

void register_filter(H5Z_filter_t id, const char* name, H5Z_func_t function) {
  const H5Z_class2_t filter_class = {H5Z_CLASS_T_VERS, id, 1, 1, name, nullptr, nullptr, function};
  require(H5Zregister(&filter_class) >= 0, "HDF5 takes a filter");
}

}  // namespace

void register_filters() {
  register_filter(lz4_filter, "lz4", filter<Codec::lz4>);
  register_filter(zstd_filter, "zstd", filter<Codec::zstd>);
}

void set_filters(hid_t properties, Codec codec, std::size_t element_bytes) {
  if (codec == Codec::none) return;
  if (element_bytes > 1) H5Pset_shuffle(properties);
  if (codec == Codec::deflate) H5Pset_deflate(properties, deflate_level);
  if (codec == Codec::lz4) H5Pset_filter(properties, lz4_filter, H5Z_FLAG_MANDATORY, 0, nullptr);
  if (codec == Codec::zstd) H5Pset_filter(properties, zstd_filter, H5Z_FLAG_MANDATORY, 1, &zstd_level);
}

}  // namespace gyrus::h5
