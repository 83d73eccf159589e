#include <cstring>

#include "data/source/nifti.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

template <class T>
void put(std::string& bytes, std::size_t at, T value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

/// A NIfTI-1 file of 4x3x2 float32 voxels with an sform; offsets from the format's definition.
std::string small_file() {
  std::string bytes(352 + 4 * 24, '\0');
  put<std::int32_t>(bytes, 0, 348);
  const std::int16_t dim[8] = {3, 4, 3, 2, 1, 1, 1, 1};
  for (std::size_t i = 0; i < 8; ++i) put(bytes, 40 + 2 * i, dim[i]);
  put<std::int16_t>(bytes, 70, 16);  // float32
  put<std::int16_t>(bytes, 72, 32);
  for (std::size_t i = 0; i < 4; ++i) put(bytes, 76 + 4 * i, 1.0f);
  put(bytes, 108, 352.0f);
  put(bytes, 112, 1.0f);
  put<std::int16_t>(bytes, 254, 1);  // sform
  put(bytes, 280, -1.0f);
  put(bytes, 300, -1.0f);
  put(bytes, 320, 1.0f);
  std::memcpy(bytes.data() + 344, "n+1", 4);
  for (std::size_t i = 0; i < 24; ++i) put(bytes, 352 + 4 * i, static_cast<float>(i));
  return bytes;
}

}  // namespace

Target make_target() {
  return {{small_file()}, through_file(".nii", [](const auto& file) { read_nifti(file); })};
}

}  // namespace gyrus::fuzz
