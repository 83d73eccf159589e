// Chunks whose bytes are damaged, with every codec: what a digest would otherwise keep away from the
// decompressors.
#include <cstring>
#include <span>

#include "data/storage/codec.hpp"
#include "launch/error.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

constexpr std::size_t chunk_bytes = 4096;

}  // namespace

Target make_target() {
  std::vector<std::byte> values(chunk_bytes);
  for (std::size_t i = 0; i < chunk_bytes; ++i) values[i] = static_cast<std::byte>(i % 251 * (i / 512 % 2));
  Target target;
  for (int codec = 0; codec < 4; ++codec) {
    const auto stored = encode_chunk(static_cast<Codec>(codec), 4, values);
    // The first byte says which codec.
    target.seeds.push_back(static_cast<char>(codec) +
                           std::string(reinterpret_cast<const char*>(stored.data()), stored.size()));
  }
  target.parse = [](const std::string& input) {
    if (input.empty()) return;
    const auto codec = static_cast<Codec>(static_cast<unsigned char>(input[0]) % 4);
    std::vector<std::byte> decoded(chunk_bytes);
    if (!decode_chunk(codec, 4, std::as_bytes(std::span(input)).subspan(1), decoded))
      throw DataError("the chunk is damaged");
  };
  return target;
}

}  // namespace gyrus::fuzz
