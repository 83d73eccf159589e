// Files that would take memory or time without end.
#include <gmock/gmock.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "tests/data/nifti_files.hpp"

namespace gyrus {
namespace {

using test::error_for;
using test::error_of;
using test::NiftiFile;
using test::numbered_file;
using test::Scratch;
using test::write_with;
using testing::HasSubstr;

TEST(NiftiLimits, WhatIsNoFileIsNotOpened) {
  const Scratch scratch;
  ASSERT_EQ(::mkfifo((scratch / "pipe.nii").c_str(), 0600), 0);
  std::filesystem::create_symlink("/dev/zero", scratch / "device.nii");
  std::filesystem::create_directories(scratch / "folder.nii");
  for (const char* name : {"pipe.nii", "device.nii", "folder.nii"})
    EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / name); }),
                HasSubstr(std::string(name) + ": is not a file: name one, .nii or .nii.gz"));
}

TEST(NiftiLimits, AnAbsurdSizeIsRefusedBeforeAnyMemoryIsTaken) {
  auto file = numbered_file();
  file.shape = {32767, 32767, 32767};
  EXPECT_THAT(error_for(file), HasSubstr("has shape 32767x32767x32767"));
  file.shape = {4000, 4000, 4000};
  EXPECT_THAT(error_for(file), HasSubstr("has 4000x4000x4000 voxels, which no brain scan has"));
  file.shape = {1000, 1000, 1000};  // could be, so the file's end says that it is not
  EXPECT_THAT(error_for(file), HasSubstr("is truncated: 96 of 4000000000 bytes of voxels"));
  EXPECT_THAT(error_for(file, "a.nii.gz"), HasSubstr("is truncated: 96 of 4000000000 bytes of voxels"));
}

TEST(NiftiLimits, VoxelsThatBeginFarBehindTheHeaderAreRefused) {
  const Scratch scratch;
  const auto path = write_with(scratch, numbered_file(), 108, 2e9f);  // vox_offset
  EXPECT_THAT(error_of<DataError>([&] { read_nifti(path); }),
              HasSubstr("says that its voxels begin at byte 2000000000; is its header damaged?"));
}

TEST(NiftiLimits, NoMoreOfACompressedFileIsReadThanItsHeaderSays) {
  const Scratch scratch;
  numbered_file().write(scratch / "small.nii");
  const std::string small = read_file(scratch / "small.nii");
  const gzFile stream = gzopen((scratch / "bomb.nii.gz").c_str(), "wb9");
  gzwrite(stream, small.data(), static_cast<unsigned>(small.size()));
  const std::string zeros(std::size_t{1} << 24, '\0');
  for (int i = 0; i < 8; ++i) gzwrite(stream, zeros.data(), static_cast<unsigned>(zeros.size()));  // 128 MiB
  gzclose(stream);
  // Damage in the last part of the file shows whether it was reached.
  std::string bomb = read_file(scratch / "bomb.nii.gz");
  ASSERT_LT(bomb.size(), std::size_t{1} << 20);
  std::fill(bomb.begin() + static_cast<std::ptrdiff_t>(bomb.size() / 2), bomb.end(), '\xFF');
  test::write_text(scratch / "bomb.nii.gz", bomb);
  EXPECT_EQ(read_nifti(scratch / "bomb.nii.gz").voxels.at(3, 2, 1), 321.0f);
}

/// Writes a header with one extension of zeros; its voxels are behind that.
void write_extended(const std::filesystem::path& path, const NiftiFile& file, float voxel_offset,
                    std::size_t extension_bytes) {
  const Scratch scratch;
  std::string bytes = read_file(write_with(scratch, file, 108, voxel_offset));
  const std::string voxels = bytes.substr(352);
  bytes.resize(352);
  bytes[348] = 1;  // extensions follow: size and kind of each, and its bytes
  const std::array<std::int32_t, 2> extension = {static_cast<std::int32_t>(extension_bytes), 6};
  bytes.append(reinterpret_cast<const char*>(extension.data()), sizeof extension);
  bytes.resize(360 + std::size_t{8 << 20} - 8);
  const gzFile stream = gzopen(path.c_str(), "wb1");
  gzwrite(stream, bytes.data(), static_cast<unsigned>(bytes.size()));
  const std::string zeros(std::size_t{8} << 20, '\0');
  for (std::size_t done = zeros.size(); done < extension_bytes; done += zeros.size())
    gzwrite(stream, zeros.data(), static_cast<unsigned>(zeros.size()));
  gzwrite(stream, voxels.data(), static_cast<unsigned>(voxels.size()));
  gzclose(stream);
}

long peak_kilobytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage.ru_maxrss;
}

TEST(NiftiLimits, ExtensionsOfAHeaderTakeNoMemory) {
  const Scratch scratch;
  constexpr std::size_t extension_bytes = std::size_t{240} << 20;
  const auto extended = scratch / "extended.nii.gz", far = scratch / "far.nii.gz";
  write_extended(extended, numbered_file(), static_cast<float>(extension_bytes + 352), extension_bytes);
  write_extended(far, numbered_file(), 1.26e9f, extension_bytes);
  // A child's peak is its own, whatever other tests took before.
  const auto check = [&] {
    const long before = peak_kilobytes();
    if (read_nifti(extended).voxels.at(3, 2, 1) != 321.0f) std::_Exit(1);
    const auto text = error_of<DataError>([&] { read_nifti(far); });
    if (text.find("far.nii.gz: says that its voxels begin at byte 1260000000;") == std::string::npos)
      std::_Exit(2);
    std::_Exit(peak_kilobytes() - before < (20 << 10) ? 0 : 3);
  };
  EXPECT_EXIT(check(), testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gyrus
