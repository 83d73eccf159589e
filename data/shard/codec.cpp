#include "data/shard/codec.hpp"

#include <libdeflate.h>

#include <cstring>

#include "launch/error.hpp"
#include "launch/handle.hpp"

namespace gyrus {
namespace {

struct CompressorTraits {
  using type = libdeflate_compressor*;
  static type null() { return nullptr; }
  static void close(type compressor) { libdeflate_free_compressor(compressor); }
};
struct DecompressorTraits {
  using type = libdeflate_decompressor*;
  static type null() { return nullptr; }
  static void close(type decompressor) { libdeflate_free_decompressor(decompressor); }
};

constexpr int compression_level = 1;

/// Byte k of every element together: neighbouring intensities share their high bytes.
void shuffle(std::span<const std::byte> values, std::byte* shuffled) {
  const std::size_t count = values.size() / 4;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t k = 0; k < 4; ++k) shuffled[k * count + i] = values[4 * i + k];
  }
}

void unshuffle(const std::byte* shuffled, std::span<std::byte> values) {
  const std::size_t count = values.size() / 4;
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(shuffled);
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint32_t word = bytes[i] | (std::uint32_t{bytes[count + i]} << 8) |
                               (std::uint32_t{bytes[2 * count + i]} << 16) |
                               (std::uint32_t{bytes[3 * count + i]} << 24);
    std::memcpy(values.data() + 4 * i, &word, 4);
  }
}

}  // namespace

std::vector<std::byte> compress_chunk(std::span<const std::byte> values, std::size_t element_bytes) {
  require(element_bytes == 1 || (element_bytes == 4 && values.size() % 4 == 0), "elements have 1 or 4 bytes");
  thread_local const Handle<CompressorTraits> compressor(libdeflate_alloc_compressor(compression_level));
  thread_local std::vector<std::byte> shuffled;
  if (element_bytes == 4) {
    shuffled.resize(values.size());
    shuffle(values, shuffled.data());
    values = shuffled;
  }
  std::vector<std::byte> stored(libdeflate_zlib_compress_bound(compressor.get(), values.size()));
  stored.resize(
      libdeflate_zlib_compress(compressor.get(), values.data(), values.size(), stored.data(), stored.size()));
  require(!stored.empty(), "the compressed bytes fit the bound");
  return stored;
}

bool decompress_chunk(std::span<const std::byte> stored, std::size_t element_bytes,
                      std::span<std::byte> values) {
  thread_local const Handle<DecompressorTraits> decompressor(libdeflate_alloc_decompressor());
  thread_local std::vector<std::byte> shuffled;
  std::byte* target = values.data();
  if (element_bytes == 4) {
    shuffled.resize(values.size());
    target = shuffled.data();
  }
  // A null pointer for the actual size makes libdeflate insist on exactly this length.
  if (libdeflate_zlib_decompress(decompressor.get(), stored.data(), stored.size(), target, values.size(),
                                 nullptr) != LIBDEFLATE_SUCCESS) {
    return false;
  }
  if (element_bytes == 4) unshuffle(target, values);
  return true;
}

}  // namespace gyrus
