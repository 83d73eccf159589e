#include "data/source/nifti.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <nifti2_io.h>
#include <zlib.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <vector>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/handle.hpp"

namespace gyrus {
namespace {

struct ImageTraits {
  using type = nifti_image*;
  static type null() { return nullptr; }
  static void close(type image) { nifti_image_free(image); }
};
struct StreamTraits {
  using type = gzFile;
  static type null() { return nullptr; }
  static void close(type stream) { gzclose(stream); }
};

// No memory is taken and nothing is skipped on the word of a damaged header.
constexpr std::int64_t max_axis = 4096;
constexpr std::int64_t max_voxel_offset = std::int64_t{1} << 28;  // header extensions are small

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& what) {
  throw DataError(fmt::format("{}: {}", path.string(), what));
}

/// The library has one word for all that can be wrong.
void check_readable(const std::filesystem::path& path) {
  std::error_code problem;  // what else is wrong, opening says; to open a pipe would wait for its other end
  const auto status = std::filesystem::status(path, problem);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    fail(path, "is not a file: name one, .nii or .nii.gz");
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (file) return;
  throw DataError(errno == ENOENT ? fmt::format("{} does not exist", path.string())
                                  : fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
}

/// The library's own reading would also load the header's extensions, which may be of any size.
/// @return null when it is no header
Handle<ImageTraits> parse_header(const std::filesystem::path& path) {
  nifti_set_debug_level(0);  // the library prints to stderr otherwise
  std::array<char, sizeof(nifti_2_header)> bytes{};
  const Handle<StreamTraits> stream(gzopen(path.c_str(), "rb"));  // reads plain files too
  if (!stream) fail(path, "cannot be read");
  const int num_read = gzread(stream.get(), bytes.data(), bytes.size());
  const auto length = static_cast<std::size_t>(std::max(num_read, 0));
  const int version = nifti_header_version(bytes.data(), length);  // 0: ANALYZE, whose header is as long
  if ((version == 0 || version == 1) && length >= sizeof(nifti_1_header)) {
    nifti_1_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    return Handle<ImageTraits>(nifti_convert_n1hdr2nim(header, nullptr));
  }
  if (version == 2 && length == sizeof(nifti_2_header)) {
    nifti_2_header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    return Handle<ImageTraits>(nifti_convert_n2hdr2nim(header, nullptr));
  }
  return {};
}

Handle<ImageTraits> read_header(const std::filesystem::path& path) {
  check_readable(path);
  auto image = parse_header(path);
  if (!image) fail(path, "is not a NIfTI file (.nii or .nii.gz), or its header is damaged");
  const nifti_image& header = *image.get();
  if (header.nifti_type != NIFTI_FTYPE_NIFTI1_1 && header.nifti_type != NIFTI_FTYPE_NIFTI2_1) {
    fail(path, "is not a single NIfTI file (.nii or .nii.gz)");
  }
  for (int axis = 1; axis <= header.ndim; ++axis) {
    if (header.dim[axis] < 1 || (axis > 3 && header.dim[axis] != 1) || header.dim[axis] > max_axis) {
      const std::vector<std::int64_t> shape(header.dim + 1, header.dim + 1 + header.ndim);
      fail(path, fmt::format("has shape {}; one three-dimensional volume per file is wanted",
                             fmt::join(shape, "x")));
    }
  }
  if (header.nx * header.ny * header.nz > max_voxels)
    fail(path, fmt::format("has {}x{}x{} voxels, which no brain scan has; is its header damaged?", header.nx,
                           header.ny, header.nz));
  if (header.iname_offset < 0 || header.iname_offset > max_voxel_offset)
    fail(path,
         fmt::format("says that its voxels begin at byte {}; is its header damaged?", header.iname_offset));
  if (header.ndim < 3)
    fail(path, fmt::format("has {} dimensions; a three-dimensional volume is wanted", header.ndim));
  for (const double spacing : {header.dx, header.dy, header.dz}) {
    if (!std::isfinite(spacing) || spacing == 0.0)
      fail(path, fmt::format("has a voxel size of {} mm", spacing));
  }
  return image;
}

/// The voxels' bytes in this machine's byte order. The library's own loading would turn NaN into 0 without a
/// word.
std::vector<char> read_bytes(const nifti_image& header, const std::filesystem::path& path) {
  const auto bytes = static_cast<std::size_t>(header.nvox) * static_cast<std::size_t>(header.nbyper);
  const Handle<StreamTraits> stream(gzopen(path.c_str(), "rb"));  // reads plain files too
  if (!stream || gzseek(stream.get(), header.iname_offset, SEEK_SET) < 0) fail(path, "cannot be read");
  constexpr std::size_t most_at_once = std::size_t{1} << 24;
  std::vector<char> buffer;  // grows with what is really there
  std::size_t done = 0;
  while (done < bytes) {
    const std::size_t part = std::min(bytes - done, most_at_once);
    if (buffer.size() < done + part) buffer.resize(std::min(bytes, std::max(2 * buffer.size(), done + part)));
    const int got = gzread(stream.get(), buffer.data() + done, static_cast<unsigned>(part));
    if (got < 0) fail(path, "is truncated or damaged: its compressed data cannot be read");
    if (got == 0) fail(path, fmt::format("is truncated: {} of {} bytes of voxels", done, bytes));
    done += static_cast<std::size_t>(got);
  }
  char beyond = 0;  // reading to the end makes zlib compare its checksum
  int status = Z_OK;
  gzread(stream.get(), &beyond, 1);
  gzerror(stream.get(), &status);
  if (status != Z_OK && status != Z_STREAM_END) {
    fail(path, "is truncated or damaged: its compressed data has no right checksum at its end");
  }
  if (header.swapsize > 1 && header.byteorder != nifti_short_order()) {
    nifti_swap_Nbytes(static_cast<std::int64_t>(bytes) / header.swapsize, header.swapsize, buffer.data());
  }
  return buffer;
}

template <class T>
double element(const char* bytes, std::size_t i) {
  T value;
  std::memcpy(&value, bytes + i * sizeof(T), sizeof(T));
  return static_cast<double>(value);
}

using Element = double (*)(const char*, std::size_t);

Element element_of(int datatype, const std::filesystem::path& path) {
  switch (datatype) {
    case NIFTI_TYPE_UINT8:
      return element<std::uint8_t>;
    case NIFTI_TYPE_INT8:
      return element<std::int8_t>;
    case NIFTI_TYPE_UINT16:
      return element<std::uint16_t>;
    case NIFTI_TYPE_INT16:
      return element<std::int16_t>;
    case NIFTI_TYPE_UINT32:
      return element<std::uint32_t>;
    case NIFTI_TYPE_INT32:
      return element<std::int32_t>;
    case NIFTI_TYPE_UINT64:
      return element<std::uint64_t>;
    case NIFTI_TYPE_INT64:
      return element<std::int64_t>;
    case NIFTI_TYPE_FLOAT32:
      return element<float>;
    case NIFTI_TYPE_FLOAT64:
      return element<double>;
    default:
      fail(path,
           fmt::format("has voxels of type {}; real numbers are wanted", nifti_datatype_string(datatype)));
  }
}

std::optional<std::array<AxisDirection, 3>> directions_of(const nifti_image& header,
                                                          const std::filesystem::path& path) {
  if (header.sform_code <= 0 && header.qform_code <= 0) return std::nullopt;
  const auto& to_patient = header.sform_code > 0 ? header.sto_xyz : header.qto_xyz;
  for (const auto& row : to_patient.m)
    for (const double value : row)
      if (!std::isfinite(value)) fail(path, "has an affine (sform or qform) that is not finite");
  int code[3] = {0, 0, 0};
  nifti_dmat44_to_orientation(to_patient, &code[0], &code[1], &code[2]);
  std::array<AxisDirection, 3> directions;
  std::array<bool, 3> taken{};
  constexpr int towards_lps[3] = {NIFTI_R2L, NIFTI_A2P, NIFTI_I2S};
  for (int axis = 0; axis < 3; ++axis) {
    if (code[axis] < NIFTI_L2R || code[axis] > NIFTI_S2I) return std::nullopt;
    const int patient_axis = (code[axis] - 1) / 2;
    directions[axis] = {patient_axis, code[axis] == towards_lps[patient_axis]};
    taken[patient_axis] = true;
  }
  if (!taken[0] || !taken[1] || !taken[2]) return std::nullopt;
  return directions;
}

bool is_right_handed(const nifti_dmat44& matrix) {
  const auto& m = matrix.m;
  return m[0][0] * (m[1][1] * m[2][2] - m[1][2] * m[2][1]) -
             m[0][1] * (m[1][0] * m[2][2] - m[1][2] * m[2][0]) +
             m[0][2] * (m[1][0] * m[2][1] - m[1][1] * m[2][0]) >
         0.0;
}

Affine affine_of(const nifti_image& header) {
  Affine affine{};
  const bool is_known = header.sform_code > 0 || header.qform_code > 0;
  const auto& to_patient = header.sform_code > 0 ? header.sto_xyz : header.qto_xyz;
  for (int row = 0; is_known && row < 3; ++row)
    for (int column = 0; column < 4; ++column) affine[row][column] = to_patient.m[row][column];
  if (!is_known) {
    const double spacing[] = {header.dx, header.dy, header.dz};
    for (int axis = 0; axis < 3; ++axis) affine[axis][axis] = std::abs(spacing[axis]);
  }
  return affine;
}

}  // namespace

NiftiVolume read_nifti(const std::filesystem::path& path) {
  const auto image = read_header(path);
  const nifti_image& header = *image.get();
  const Element value_at = element_of(header.datatype, path);
  const auto bytes = read_bytes(header, path);
  // The standard scales where scl_slope is not 0. Of one that is not finite it says nothing: the library, as
  // other readers, takes it for 0, and so an intercept that is not finite; a good slope counts beside that.
  const double slope = header.scl_slope != 0.0 ? header.scl_slope : 1.0;
  const double intercept = header.scl_slope != 0.0 ? header.scl_inter : 0.0;

  NiftiVolume volume;
  volume.voxels = Grid<float>({header.nx, header.ny, header.nz});
  volume.spacing = {std::abs(header.dx), std::abs(header.dy), std::abs(header.dz)};
  volume.directions = directions_of(header, path);
  volume.affine = affine_of(header);
  volume.forms_disagree = header.sform_code > 0 && header.qform_code > 0 &&
                          is_right_handed(header.sto_xyz) != is_right_handed(header.qto_xyz);
  std::size_t next = 0;  // the file runs fastest along x
  for (std::int64_t z = 0; z < header.nz; ++z) {
    for (std::int64_t y = 0; y < header.ny; ++y) {
      for (std::int64_t x = 0; x < header.nx; ++x) {
        const auto value = static_cast<float>(slope * value_at(bytes.data(), next++) + intercept);
        if (!std::isfinite(value))
          throw NotFiniteError(fmt::format("{}: voxel ({}, {}, {}) is {}", path.string(), x, y, z, value));
        volume.voxels.at(x, y, z) = value;
      }
    }
  }
  return volume;
}

NiftiVolume to_lps(const NiftiVolume& volume) {
  require(volume.directions.has_value(), "the directions of a volume are known when it is reoriented");
  const auto& directions = *volume.directions;
  std::array<int, 3> source_axis{};  // patient axis -> axis of the array
  for (int axis = 0; axis < 3; ++axis) source_axis[directions[axis].patient_axis] = axis;

  NiftiVolume result;
  std::array<std::int64_t, 3> size{};
  result.affine = volume.affine;  // for its last column
  for (int axis = 0; axis < 3; ++axis) {
    const int source = source_axis[axis];
    size[axis] = volume.voxels.size[source];
    result.spacing[axis] = volume.spacing[source];
    const bool is_flipped = !directions[source].along_lps;
    for (int row = 0; row < 3; ++row) {
      const double step = volume.affine[row][source];
      result.affine[row][axis] = is_flipped ? -step : step;
      if (is_flipped) result.affine[row][3] += step * static_cast<double>(size[axis] - 1);
    }
  }
  result.voxels = Grid<float>(size);
  result.directions = {{{0, true}, {1, true}, {2, true}}};
  std::array<std::int64_t, 3> to{}, from{};
  for (to[0] = 0; to[0] < size[0]; ++to[0]) {
    for (to[1] = 0; to[1] < size[1]; ++to[1]) {
      for (to[2] = 0; to[2] < size[2]; ++to[2]) {
        for (int axis = 0; axis < 3; ++axis) {
          const int source = source_axis[axis];
          from[source] = directions[source].along_lps ? to[axis] : size[axis] - 1 - to[axis];
        }
        result.voxels.at(to[0], to[1], to[2]) = volume.voxels.at(from[0], from[1], from[2]);
      }
    }
  }
  return result;
}

double corner_distance(const NiftiVolume& volume, const NiftiVolume& other) {
  double farthest = 0.0;
  for (int corner = 0; corner < 8; ++corner) {
    std::array<double, 3> apart{};  // mm
    for (int row = 0; row < 3; ++row) {
      apart[row] = other.affine[row][3] - volume.affine[row][3];
      for (int axis = 0; axis < 3; ++axis) {
        const auto index = (corner >> axis & 1) != 0 ? volume.voxels.size[axis] - 1 : 0;
        apart[row] += (other.affine[row][axis] - volume.affine[row][axis]) * static_cast<double>(index);
      }
    }
    for (int axis = 0; axis < 3; ++axis) {
      double along = 0.0, step_squared = 0.0;
      for (int row = 0; row < 3; ++row) {
        along += apart[row] * volume.affine[row][axis];
        step_squared += volume.affine[row][axis] * volume.affine[row][axis];
      }
      farthest = std::max(farthest, std::abs(along) / step_squared);
    }
  }
  return farthest;
}

NiftiVolume read_nifti(const std::filesystem::path& path, bool reorient) {
  auto volume = read_nifti(path);
  if (!reorient) return volume;
  if (!volume.directions)
    fail(path,
         "has no orientation (neither sform nor qform); set data.reorient=false if all files are in LPS "
         "order");
  return to_lps(volume);
}

}  // namespace gyrus
