#include "data/storage/codec.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <libdeflate.h>
#include <lz4.h>
#include <lz4hc.h>
#include <zstd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "launch/error.hpp"
#include "launch/handle.hpp"

namespace gyrus {
namespace {

template <class T, T* (*Make)(), void (*Free)(T*)>
struct ContextTraits {
  using type = T*;
  static type null() { return nullptr; }
  static void close(type context) { Free(context); }
};

libdeflate_compressor* make_deflate() {
  return libdeflate_alloc_compressor(deflate_level);
}
void free_zstd_encoder(ZSTD_CCtx* context) {
  ZSTD_freeCCtx(context);
}
void free_zstd_decoder(ZSTD_DCtx* context) {
  ZSTD_freeDCtx(context);
}

/// One context per thread and kind.
template <class T, T* (*Make)(), void (*Free)(T*)>
T* context() {
  thread_local const Handle<ContextTraits<T, Make, Free>> made(Make());
  require(static_cast<bool>(made), "a codec's context can be made");
  return made.get();
}
const auto deflate_encoder = context<libdeflate_compressor, make_deflate, libdeflate_free_compressor>;
const auto deflate_decoder =
    context<libdeflate_decompressor, libdeflate_alloc_decompressor, libdeflate_free_decompressor>;
const auto zstd_encoder = context<ZSTD_CCtx, ZSTD_createCCtx, free_zstd_encoder>;
const auto zstd_decoder = context<ZSTD_DCtx, ZSTD_createDCtx, free_zstd_decoder>;

/// Byte k of every element together: neighbouring intensities share their high bytes.
template <std::size_t Size>
void shuffle(const std::byte* values, std::size_t count, std::byte* __restrict shuffled) {
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < Size; ++k) shuffled[k * count + i] = values[Size * i + k];
}

template <std::size_t Size>
void unshuffle(const std::byte* shuffled, std::size_t count, std::byte* __restrict values) {
  for (std::size_t i = 0; i < count; ++i)
    for (std::size_t k = 0; k < Size; ++k) values[Size * i + k] = shuffled[k * count + i];
}

// Filter 32004 frames its blocks: bytes of the whole (8), bytes of a block (4), then per block its stored
// bytes (4) and the block, which is not compressed when that would not make it smaller. All numbers are
// big-endian. A chunk of ours is one block.
constexpr std::size_t lz4_header_bytes = 16;

void put_big_endian(std::uint64_t value, std::size_t count, std::byte* target) {
  for (std::size_t i = 0; i < count; ++i) target[i] = static_cast<std::byte>(value >> (8 * (count - 1 - i)));
}

std::uint64_t big_endian(std::span<const std::byte> bytes) {
  std::uint64_t value = 0;
  for (const std::byte byte : bytes) value = (value << 8) | static_cast<std::uint64_t>(byte);
  return value;
}

std::vector<std::byte> compress_lz4(std::span<const std::byte> values) {
  const auto bound = static_cast<std::size_t>(LZ4_compressBound(static_cast<int>(values.size())));
  std::vector<std::byte> stored(lz4_header_bytes + bound);
  auto length = static_cast<std::size_t>(LZ4_compress_HC(
      reinterpret_cast<const char*>(values.data()), reinterpret_cast<char*>(&stored[lz4_header_bytes]),
      static_cast<int>(values.size()), static_cast<int>(bound), lz4_level));
  if (length == 0 || length >= values.size()) {
    length = values.size();
    std::copy(values.begin(), values.end(), stored.begin() + lz4_header_bytes);
  }
  put_big_endian(values.size(), 8, stored.data());
  put_big_endian(values.size(), 4, stored.data() + 8);
  put_big_endian(length, 4, stored.data() + 12);
  stored.resize(lz4_header_bytes + length);
  return stored;
}

/// Files of other programs may have several blocks.
bool decompress_lz4(std::span<const std::byte> stored, std::span<std::byte> values) {
  if (stored.size() < 12 || big_endian(stored.first(8)) != values.size()) return false;
  const std::uint64_t block_bytes = big_endian(stored.subspan(8, 4));
  if (block_bytes == 0) return false;
  stored = stored.subspan(12);
  while (!values.empty()) {
    const auto block = values.first(std::min<std::size_t>(block_bytes, values.size()));
    if (stored.size() < 4) return false;
    const std::uint64_t length = big_endian(stored.first(4));
    if (length > stored.size() - 4) return false;
    const auto part = stored.subspan(4, length);
    if (length == block.size()) {
      std::copy(part.begin(), part.end(), block.begin());
    } else if (LZ4_decompress_safe(reinterpret_cast<const char*>(part.data()),
                                   reinterpret_cast<char*>(block.data()), static_cast<int>(part.size()),
                                   static_cast<int>(block.size())) != static_cast<int>(block.size())) {
      return false;
    }
    values = values.subspan(block.size());
    stored = stored.subspan(4 + length);
  }
  return stored.empty();
}

}  // namespace

std::string codec_name(Codec codec) {
  return codec_names[static_cast<int>(codec)];
}

Codec codec_named(const std::string& name) {
  const auto* const found = std::find(std::begin(codec_names), std::end(codec_names), name);
  if (found == std::end(codec_names))
    throw DataError(fmt::format("'{}' is not a codec; there are: {}", name, fmt::join(codec_names, ", ")));
  return static_cast<Codec>(found - std::begin(codec_names));
}

std::vector<std::byte> compress(Codec codec, std::span<const std::byte> values) {
  if (codec == Codec::none) return {values.begin(), values.end()};
  if (codec == Codec::lz4) return compress_lz4(values);
  const bool deflate = codec == Codec::deflate;
  std::vector<std::byte> stored(deflate ? libdeflate_zlib_compress_bound(deflate_encoder(), values.size())
                                        : ZSTD_compressBound(values.size()));
  const std::size_t length = deflate ? libdeflate_zlib_compress(deflate_encoder(), values.data(),
                                                                values.size(), stored.data(), stored.size())
                                     : ZSTD_compressCCtx(zstd_encoder(), stored.data(), stored.size(),
                                                         values.data(), values.size(), zstd_level);
  require(length > 0 && length <= stored.size(), "the compressed bytes fit the bound");
  stored.resize(length);
  return stored;
}

bool decompress(Codec codec, std::span<const std::byte> stored, std::span<std::byte> values) {
  switch (codec) {
    case Codec::none:
      if (stored.size() != values.size()) return false;
      std::copy(stored.begin(), stored.end(), values.begin());
      return true;
    case Codec::deflate:
      // A null pointer for the actual size makes libdeflate insist on exactly this length.
      return libdeflate_zlib_decompress(deflate_decoder(), stored.data(), stored.size(), values.data(),
                                        values.size(), nullptr) == LIBDEFLATE_SUCCESS;
    case Codec::lz4:
      return decompress_lz4(stored, values);
    case Codec::zstd:
      return ZSTD_decompressDCtx(zstd_decoder(), values.data(), values.size(), stored.data(),
                                 stored.size()) == values.size();
  }
  return false;
}

std::vector<std::byte> encode_chunk(Codec codec, std::size_t element_bytes,
                                    std::span<const std::byte> values) {
  require(element_bytes == 1 || element_bytes == 2 || element_bytes == 4, "elements have 1, 2 or 4 bytes");
  require(values.size() % element_bytes == 0, "a chunk has whole elements");
  if (codec == Codec::none || element_bytes == 1) return compress(codec, values);
  thread_local std::vector<std::byte> shuffled;
  shuffled.resize(values.size());
  if (element_bytes == 2)
    shuffle<2>(values.data(), values.size() / 2, shuffled.data());
  else
    shuffle<4>(values.data(), values.size() / 4, shuffled.data());
  return compress(codec, shuffled);
}

bool decode_chunk(Codec codec, std::size_t element_bytes, std::span<const std::byte> stored,
                  std::span<std::byte> values) {
  if (codec == Codec::none || element_bytes == 1) return decompress(codec, stored, values);
  thread_local std::vector<std::byte> shuffled;
  shuffled.resize(values.size());
  if (!decompress(codec, stored, shuffled)) return false;
  if (element_bytes == 2)
    unshuffle<2>(shuffled.data(), values.size() / 2, values.data());
  else
    unshuffle<4>(shuffled.data(), values.size() / 4, values.data());
  return true;
}

}  // namespace gyrus
