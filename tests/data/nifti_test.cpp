#include "data/source/nifti.hpp"

#include <gmock/gmock.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>

#include "launch/files.hpp"
#include "tests/data/nifti_files.hpp"
#include "tests/support/as_nobody.hpp"

namespace gyrus {
namespace {

using test::error_for;
using test::error_of;
using test::NiftiFile;
using test::numbered_file;
using test::Scratch;
using testing::HasSubstr;

TEST(Nifti, PlainAndCompressedFilesGiveTheSameVolume) {
  const Scratch scratch;
  numbered_file().write(scratch / "a.nii");
  numbered_file().write(scratch / "a.nii.gz");
  for (const char* name : {"a.nii", "a.nii.gz"}) {
    const auto volume = read_nifti(scratch / name);
    EXPECT_EQ(volume.voxels.size, (std::array<std::int64_t, 3>{4, 3, 2}));
    EXPECT_EQ(volume.voxels.at(3, 2, 1), 321.0f);
    EXPECT_EQ(volume.voxels.at(1, 0, 0), 100.0f);
  }
}

TEST(Nifti, SlopeAndInterceptScaleIntegerVoxels) {
  const Scratch scratch;
  NiftiFile file;
  file.datatype = 4;  // int16
  std::vector<std::int16_t> voxels(24);
  std::iota(voxels.begin(), voxels.end(), std::int16_t{-3});
  file.set_voxels(voxels);
  file.slope = 0.25f;
  file.intercept = 1.0f;
  file.write(scratch / "a.nii");
  EXPECT_FLOAT_EQ(read_nifti(scratch / "a.nii").voxels.at(0, 0, 0), 0.25f);
  file.slope = 0.0f;  // means: not scaled
  file.write(scratch / "b.nii");
  EXPECT_FLOAT_EQ(read_nifti(scratch / "b.nii").voxels.at(0, 0, 0), -3.0f);
  file.slope = std::numeric_limits<float>::quiet_NaN();  // means the same to all readers
  file.write(scratch / "c.nii");
  EXPECT_FLOAT_EQ(read_nifti(scratch / "c.nii").voxels.at(0, 0, 0), -3.0f);
  file.slope = 2.0f;
  file.intercept = std::numeric_limits<float>::quiet_NaN();
  file.write(scratch / "d.nii");
  EXPECT_FLOAT_EQ(read_nifti(scratch / "d.nii").voxels.at(0, 0, 0), -6.0f);  // only the bad one is absent
}

TEST(Nifti, ReorientationFollowsTheAffineForEveryAxisOrder) {
  const Scratch scratch;
  auto file = numbered_file();
  // Array axes: posterior to anterior, superior to inferior, left to right.
  file.affine = {0, 0, 3, 0, 1, 0, 0, 0, 0, -2, 0, 0};
  file.spacing = {1, 2, 3};
  file.write(scratch / "a.nii");
  const auto volume = to_lps(read_nifti(scratch / "a.nii"));
  EXPECT_EQ(volume.voxels.size, (std::array<std::int64_t, 3>{2, 4, 3}));
  EXPECT_EQ(volume.spacing, (std::array<double, 3>{3, 1, 2}));
  // x' = flipped third axis, y' = flipped first axis, z' = flipped second axis.
  EXPECT_EQ(volume.voxels.at(0, 0, 0), 321.0f);
  EXPECT_EQ(volume.voxels.at(1, 0, 0), 320.0f);
  EXPECT_EQ(volume.voxels.at(0, 3, 2), 1.0f);
}

TEST(Nifti, AVolumeInLpsOrderStaysAsItIs) {
  const Scratch scratch;
  numbered_file().write(scratch / "a.nii");
  const auto volume = read_nifti(scratch / "a.nii");
  EXPECT_EQ(to_lps(volume).voxels.values, volume.voxels.values);
}

TEST(Nifti, AFileWithoutOrientationSaysSo) {
  const Scratch scratch;
  auto file = numbered_file();
  file.sform_code = 0;
  file.write(scratch / "a.nii");
  EXPECT_FALSE(read_nifti(scratch / "a.nii").directions.has_value());
}

TEST(Nifti, AMissingFileIsNamed) {
  EXPECT_EQ(error_of<DataError>([] { read_nifti("/no/such/brain.nii"); }),
            "/no/such/brain.nii does not exist");
}

TEST(Nifti, AFileThatMayNotBeReadIsNamedWithTheReason) {
  const test::Scratch scratch;
  for (const char* name : {"closed.nii", "closed.nii.gz"}) {
    const auto file = scratch / name;
    test::write_text(file, "x");
    std::filesystem::permissions(file, std::filesystem::perms::none);
    const test::AsNobody other_user;
    const auto text = test::error_of<DataError>([&] { read_nifti(file); });
    EXPECT_THAT(text, testing::HasSubstr(name));
    EXPECT_THAT(text, testing::HasSubstr("Permission denied"));
  }
}

TEST(Nifti, AFileOfAnotherKindIsRefused) {
  const Scratch scratch;
  for (const char* name : {"a.nii", "a.nii.gz"}) {
    test::write_text(scratch / name, std::string(1000, 'x'));
    EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / name); }), HasSubstr("is not a NIfTI file"));
  }
  test::write_text(scratch / "empty.nii", "");
  EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / "empty.nii"); }),
              HasSubstr("is not a NIfTI file"));
}

TEST(Nifti, AHeaderWhoseVoxelsAreInAnotherFileIsRefused) {
  const Scratch scratch;
  for (const char* magic : {"ni1", "\0\0\0"}) {  // NIfTI, and ANALYZE
    const auto path =
        test::write_with(scratch, numbered_file(), 344, std::array{magic[0], magic[1], magic[2]});
    EXPECT_THAT(error_of<DataError>([&] { read_nifti(path); }),
                HasSubstr("a.nii: is not a single NIfTI file (.nii or .nii.gz)"));
  }
}

TEST(Nifti, ATruncatedFileIsRefusedAtEveryLength) {
  const Scratch scratch;
  numbered_file().write(scratch / "whole.nii");
  const std::string whole = read_file(scratch / "whole.nii");
  for (std::size_t length = 0; length < whole.size(); length += 7) {
    test::write_text(scratch / "cut.nii", whole.substr(0, length));
    EXPECT_NE(error_of<DataError>([&] { read_nifti(scratch / "cut.nii"); }), "") << length;
  }
  test::write_text(scratch / "cut.nii", whole.substr(0, whole.size() - 1));
  EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / "cut.nii"); }),
              HasSubstr("is truncated: 95 of 96 bytes"));
}

TEST(Nifti, ATruncatedOrDamagedCompressedFileIsRefused) {
  const Scratch scratch;
  auto file = numbered_file();
  file.shape = {16, 16, 16};
  std::vector<float> voxels(4096);
  for (std::size_t i = 0; i < voxels.size(); ++i) voxels[i] = std::sin(static_cast<float>(i * i));
  file.set_voxels(voxels);
  file.write(scratch / "whole.nii.gz");
  const std::string whole = read_file(scratch / "whole.nii.gz");
  for (const std::size_t length : {whole.size() / 2, whole.size() - 30, whole.size() - 4}) {
    test::write_text(scratch / "cut.nii.gz", whole.substr(0, length));
    EXPECT_NE(error_of<DataError>([&] { read_nifti(scratch / "cut.nii.gz"); }), "") << length;
  }
  std::string flipped = whole;
  flipped[whole.size() / 2] ^= 0x10;
  test::write_text(scratch / "flipped.nii.gz", flipped);
  EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / "flipped.nii.gz"); }), HasSubstr("damaged"));
}

TEST(Nifti, NanAndInfinityAreNamedWithTheirVoxel) {
  auto file = numbered_file();
  std::vector<float> voxels(24, 1.0f);
  voxels[1 + 4 * (2 + 3 * 1)] = std::numeric_limits<float>::quiet_NaN();
  file.set_voxels(voxels);
  EXPECT_THAT(error_for(file), HasSubstr("voxel (1, 2, 1) is nan"));
  EXPECT_THAT(error_for(file, "a.nii.gz"), HasSubstr("voxel (1, 2, 1) is nan"));
  voxels[1 + 4 * (2 + 3 * 1)] = -std::numeric_limits<float>::infinity();
  file.set_voxels(voxels);
  EXPECT_THAT(error_for(file), HasSubstr("voxel (1, 2, 1) is -inf"));
}

TEST(Nifti, AnAffineThatIsNotFiniteIsRefused) {
  auto file = numbered_file();
  file.affine[5] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(error_for(file), HasSubstr("has an affine (sform or qform) that is not finite"));
}

TEST(Nifti, ASeriesOfVolumesIsRefusedWithItsShape) {
  auto file = numbered_file();
  file.shape = {4, 3, 1, 2};
  EXPECT_THAT(error_for(file),
              HasSubstr("has shape 4x3x1x2; one three-dimensional volume per file is wanted"));
  file.shape = {4, 3, 2, 1};  // a fourth axis of one is a volume
  EXPECT_EQ(error_for(file), "");
}

TEST(Nifti, ASingleSliceIsRefused) {
  auto file = numbered_file();
  file.shape = {4, 6};
  EXPECT_THAT(error_for(file), HasSubstr("a three-dimensional volume is wanted"));
}

TEST(Nifti, ColourVoxelsAreRefusedWithTheirType) {
  auto file = numbered_file();
  file.datatype = 128;  // RGB24
  EXPECT_THAT(error_for(file), HasSubstr("has voxels of type RGB24; real numbers are wanted"));
}

/// The bytes of a NIfTI-2 file with the voxels of numbered_file, in LPS order.
std::string second_format() {
  std::string bytes(544, '\0');
  const auto put = [&](std::size_t offset, auto value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
  };
  put(0, std::int32_t{540});
  std::memcpy(bytes.data() + 4, "n+2\0\r\n\032\n", 8);
  put(12, std::int16_t{16});  // float32
  put(14, std::int16_t{32});
  const std::array<std::int64_t, 8> shape = {3, 4, 3, 2, 1, 1, 1, 1};
  for (std::size_t i = 0; i < 8; ++i) {
    put(16 + 8 * i, shape[i]);
    put(104 + 8 * i, 1.0);
  }
  put(168, std::int64_t{544});  // vox_offset
  put(348, std::int32_t{1});    // sform_code
  put(400, -1.0);
  put(440, -1.0);
  put(480, 1.0);
  return bytes + numbered_file().voxels;
}

TEST(Nifti, FilesOfTheSecondFormatAreRead) {
  const Scratch scratch;
  test::write_text(scratch / "a.nii", second_format());
  const auto volume = read_nifti(scratch / "a.nii");
  EXPECT_EQ(volume.voxels.at(3, 2, 1), 321.0f);
  EXPECT_EQ(volume.affine[1][1], -1.0);
  std::string scaled = second_format();
  const std::array<double, 2> slope_and_intercept = {2.0, std::numeric_limits<double>::quiet_NaN()};
  std::memcpy(scaled.data() + 176, slope_and_intercept.data(), sizeof slope_and_intercept);
  test::write_text(scratch / "scaled.nii", scaled);
  EXPECT_EQ(read_nifti(scratch / "scaled.nii").voxels.at(3, 2, 1), 642.0f);
  test::write_text(scratch / "cut.nii", second_format().substr(0, 539));
  EXPECT_THAT(error_of<DataError>([&] { read_nifti(scratch / "cut.nii"); }),
              HasSubstr("is not a NIfTI file (.nii or .nii.gz), or its header is damaged"));
}

TEST(Nifti, WholeNumbersOf64BitsAreRead) {
  const Scratch scratch;
  NiftiFile file;
  file.datatype = 1024;  // int64
  std::vector<std::int64_t> voxels(24);
  std::iota(voxels.begin(), voxels.end(), std::int64_t{-3});
  voxels.back() = std::int64_t{1} << 40;
  file.set_voxels(voxels);
  file.write(scratch / "a.nii");
  const auto volume = read_nifti(scratch / "a.nii");
  EXPECT_EQ(volume.voxels.at(0, 0, 0), -3.0f);
  EXPECT_EQ(volume.voxels.at(3, 2, 1), 0x1p40f);
  // Differences that float32 cannot keep are there after scaling.
  for (std::size_t i = 0; i < voxels.size(); ++i)
    voxels[i] = (std::int64_t{1} << 40) + static_cast<std::int64_t>(i);
  file.set_voxels(voxels);
  file.slope = 0.5f;
  file.intercept = -0x1p39f;
  file.write(scratch / "b.nii");
  EXPECT_EQ(read_nifti(scratch / "b.nii").voxels.at(1, 0, 0), 0.5f);
}

/// Reverses `count` values of `size` bytes each.
void swap_bytes(std::string& bytes, std::size_t offset, std::size_t size, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(offset + i * size);
    std::reverse(begin, begin + static_cast<std::ptrdiff_t>(size));
  }
}

TEST(Nifti, FilesOfTheOtherByteOrderAreRead) {
  const Scratch scratch;
  numbered_file().write(scratch / "a.nii");
  std::string bytes = read_file(scratch / "a.nii");
  swap_bytes(bytes, 0, 4, 1);     // sizeof_hdr
  swap_bytes(bytes, 40, 2, 8);    // dim
  swap_bytes(bytes, 70, 2, 2);    // datatype, bitpix
  swap_bytes(bytes, 76, 4, 11);   // pixdim, vox_offset, scl_slope, scl_inter
  swap_bytes(bytes, 252, 2, 2);   // qform_code, sform_code
  swap_bytes(bytes, 280, 4, 12);  // srow
  swap_bytes(bytes, 352, 4, 24);
  test::write_text(scratch / "a.nii", bytes);
  const auto volume = read_nifti(scratch / "a.nii");
  EXPECT_EQ(volume.voxels.size, (std::array<std::int64_t, 3>{4, 3, 2}));
  EXPECT_EQ(volume.voxels.at(3, 2, 1), 321.0f);
  EXPECT_EQ(volume.affine[0][0], -1.0);
}

TEST(Nifti, AnObliqueFileTakesTheNearestAxesAndKeepsItsAffine) {
  const Scratch scratch;
  auto file = numbered_file();
  file.affine = {0.2f, 0.95f, 0, 10,    -0.97f, 0.2f,
                 0.1f, 20,    0, -0.1f, 0.99f,  30};  // x to posterior, y to right
  file.write(scratch / "a.nii");
  const auto volume = to_lps(read_nifti(scratch / "a.nii"));
  EXPECT_EQ(volume.voxels.size, (std::array<std::int64_t, 3>{3, 4, 2}));
  EXPECT_EQ(volume.voxels.at(0, 0, 0), 20.0f);  // y turned round
  EXPECT_EQ(volume.voxels.at(2, 3, 1), 301.0f);
  EXPECT_NEAR(volume.affine[0][0], -0.95, 1e-6);
  EXPECT_NEAR(volume.affine[0][3], 10 + 2 * 0.95, 1e-5);
}

TEST(Nifti, AnAxisWithoutADirectionIsNoOrientation) {
  const Scratch scratch;
  auto file = numbered_file();
  file.affine = {-1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0};  // singular
  file.write(scratch / "a.nii");
  EXPECT_FALSE(read_nifti(scratch / "a.nii").directions.has_value());
}

}  // namespace
}  // namespace gyrus
