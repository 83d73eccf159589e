#pragma once

#include <cstring>

#include "data/source/nifti.hpp"
#include "launch/files.hpp"
#include "tests/data/support.hpp"

namespace gyrus::test {

/// A 4x3x2 file whose voxel (x, y, z) is 100x + 10y + z.
inline NiftiFile numbered_file() {
  NiftiFile file;
  std::vector<float> voxels;
  for (int z = 0; z < 2; ++z) {
    for (int y = 0; y < 3; ++y) {
      for (int x = 0; x < 4; ++x) voxels.push_back(static_cast<float>(100 * x + 10 * y + z));
    }
  }
  file.set_voxels(voxels);
  return file;
}

/// What reading the file says.
inline std::string error_for(const NiftiFile& file, const std::string& name = "a.nii") {
  const Scratch scratch;
  file.write(scratch / name);
  return error_of<DataError>([&] { read_nifti(scratch / name); });
}

/// Writes the file and then other bytes into its header.
template <class T>
std::filesystem::path write_with(const Scratch& scratch, const NiftiFile& file, std::size_t offset, T value) {
  file.write(scratch / "a.nii");
  std::string bytes = read_file(scratch / "a.nii");
  std::memcpy(bytes.data() + offset, &value, sizeof value);
  test::write_text(scratch / "a.nii", bytes);
  return scratch / "a.nii";
}

}  // namespace gyrus::test
