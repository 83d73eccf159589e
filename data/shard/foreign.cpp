#include "data/shard/foreign.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;
namespace format = shard_format;

std::vector<fs::path> hdf5_files(const fs::path& root) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(root))
    if (entry.is_regular_file() && (entry.path().extension() == ".h5" || entry.path().extension() == ".hdf5"))
      files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

/// "train-00003.h5" and "train.h5" are of the set train.
std::string set_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  const std::size_t dash = stem.find_last_of('-');
  const bool is_numbered = dash != std::string::npos && dash > 0 && dash + 1 < stem.size() &&
                           stem.find_first_not_of("0123456789", dash + 1) == std::string::npos;
  return is_numbered ? stem.substr(0, dash) : stem;
}

/// As many as a NIfTI file may have.
constexpr std::int64_t max_voxels = std::int64_t{1} << 30;
/// More than any filter packs into a byte: deflate reaches 1032, Zstandard some 30 000.
constexpr double max_voxels_per_byte = 1e5;

/// A tiny file may claim any shape; reading it would never end.
void check_size(const std::vector<std::int64_t>& shape, const fs::path& path) {
  double voxels = 1.0;
  for (const std::int64_t size : shape) voxels *= static_cast<double>(static_cast<std::uint64_t>(size));
  const auto bytes = fs::file_size(path);
  if (voxels > max_voxels_per_byte * static_cast<double>(bytes))
    throw DataError(
        fmt::format("{}: dataset '{}' claims {:.3g} voxels, which cannot be in a file of {} bytes",
                    path.string(), format::image, voxels, bytes));
}

/// Nothing in a training or an evaluation survives them.
Fault not_finite(const char* array, std::int64_t slice, std::span<const float> values) {
  if (std::all_of(values.begin(), values.end(), [](float value) { return std::isfinite(value); }))
    return std::nullopt;
  return fmt::format("slice {} of dataset '{}' has values that are NaN or infinite", slice, array);
}

/// image: [volumes, slices, rows, columns], or [slices, rows, columns] of one volume or of several of
/// `slices_per_volume` each.
ShardLayout layout_of(const h5::File& file, const fs::path& path) {
  if (!file.has(format::image))
    throw DataError(
        fmt::format("{} has no dataset '{}': it cannot be read as slices", path.string(), format::image));
  const auto shape = file.shape(format::image);
  if (shape.size() != 3 && shape.size() != 4)
    throw DataError(
        fmt::format("{}: dataset '{}' has {} dimensions; [slices, rows, columns] or [volumes, slices, "
                    "rows, columns] is wanted",
                    path.string(), format::image, shape.size()));
  check_size(shape, path);
  ShardLayout layout{.has_index = false};
  layout.height = shape[shape.size() - 2];
  layout.width = shape[shape.size() - 1];
  layout.depth = shape[shape.size() - 3];
  if (shape.size() == 3 && file.has_attribute("/", format::depth_attribute))
    layout.depth = file.attribute<std::int64_t>("/", format::depth_attribute);
  const std::int64_t num_slices = shape.size() == 4 ? shape[0] * shape[1] : shape[0];
  if (layout.depth < 1 || layout.height < 1 || layout.width < 1 || num_slices % layout.depth != 0)
    throw DataError(fmt::format("{}: {} slice{} {} no whole volumes of {}", path.string(), num_slices,
                                num_slices == 1 ? "" : "s", num_slices == 1 ? "is" : "are", layout.depth));
  layout.num_volumes = num_slices / layout.depth;
  if (layout.depth * layout.height * layout.width > max_voxels)
    throw DataError(fmt::format(
        "{}: a volume of {} slices of {}x{} pixels has more than {} voxels; is the attribute "
        "'{}' missing?",
        path.string(), layout.depth, layout.height, layout.width, max_voxels, format::depth_attribute));
  for (const char* array : {format::mask, format::lesion})
    if (file.has(array) && file.shape(array) != shape)
      throw DataError(
          fmt::format("{}: '{}' and '{}' have different shapes", path.string(), format::image, array));
  return layout;
}

std::vector<std::string> names_in(const h5::File& file, const char* table, const fs::path& path,
                                  std::int64_t num_volumes) {
  if (file.has(table)) {
    auto names = file.read_texts(table);
    if (static_cast<std::int64_t>(names.size()) == num_volumes) return names;
    throw DataError(fmt::format("{}: {} has {} name{} for {} volume{}", path.string(), table, names.size(),
                                names.size() == 1 ? "" : "s", num_volumes, num_volumes == 1 ? "" : "s"));
  }
  const std::string stem = path.stem().string();
  if (num_volumes == 1) return {stem};
  std::vector<std::string> names;
  for (std::int64_t i = 0; i < num_volumes; ++i) names.push_back(fmt::format("{}-{:04}", stem, i));
  return names;
}

std::int64_t sum(const std::vector<std::uint32_t>& counts, std::int64_t volume, std::int64_t depth) {
  const auto first = counts.begin() + volume * depth;
  return std::accumulate(first, first + depth, std::int64_t{0});
}

/// What tells one state of the file from another without reading it.
std::uint64_t state_digest(const fs::path& path) {
  struct stat status {};
  ::stat(path.c_str(), &status);
  return digest64(fmt::format("{} {} {}.{}", path.filename().string(), status.st_size, status.st_mtim.tv_sec,
                              status.st_mtim.tv_nsec));
}

ManifestShard describe(const fs::path& path) {
  ManifestShard shard;
  shard.file = path.filename().string();
  shard.set = set_of(path);
  shard.bytes = fs::file_size(path);
  shard.digest = state_digest(path);
  std::vector<std::string> ids, subjects;
  {
    const std::lock_guard lock(h5::library_mutex());
    const auto file = h5::File::open(path);
    shard.layout = layout_of(file, path);
    ids = names_in(file, format::volume_ids, path, shard.layout.num_volumes);
    subjects = names_in(file, format::volume_subjects, path, shard.layout.num_volumes);
  }
  const ForeignReader reader(path, shard.layout);
  const auto brain = reader.pixel_counts(format::brain_pixels),
             lesion = reader.pixel_counts(format::lesion_pixels);
  for (std::int64_t i = 0; i < shard.layout.num_volumes; ++i) {
    VolumeInfo& volume = shard.volumes.emplace_back();
    volume.id = ids[i];
    volume.subject = subjects[i];
    volume.set = shard.set;
    volume.age = std::numeric_limits<double>::quiet_NaN();
    volume.depth = shard.layout.depth;
    volume.height = shard.layout.height;
    volume.width = shard.layout.width;
    volume.spacing = {1.0, 1.0, 1.0};
    volume.brain_voxels = sum(brain, i, shard.layout.depth);
    volume.lesion_voxels = sum(lesion, i, shard.layout.depth);
    volume.label = volume.lesion_voxels > 0;
  }
  return shard;
}

}  // namespace

bool is_foreign(const fs::path& root) {
  if (!fs::is_directory(root) || fs::exists(root / format::manifest_file)) return false;
  const auto files = hdf5_files(root);
  if (files.empty()) return false;
  const std::lock_guard lock(h5::library_mutex());
  return !h5::File::open(files.front()).has_attribute("/", format::format_attribute);
}

Manifest describe_foreign(const fs::path& root) {
  Manifest manifest;
  const fs::path whole = fs::absolute(root).lexically_normal();  // "set/" and "." have no last name
  manifest.name = (whole.has_filename() ? whole : whole.parent_path()).filename().string();
  manifest.preparation = {{"kind", "hdf5"}};
  for (const auto& file : hdf5_files(root)) manifest.shards.push_back(describe(file));
  if (manifest.shards.empty()) throw DataError(fmt::format("{} has no HDF5 files", root.string()));
  return manifest;
}

ForeignReader::ForeignReader(fs::path path, const ShardLayout& layout)
    : path_(std::move(path)), layout_(layout), file_([this] {
        const std::lock_guard lock(h5::library_mutex());
        return h5::File::open(path_);
      }()) {
  const std::lock_guard lock(h5::library_mutex());
  has_mask_ = file_.has(format::mask);
  has_lesion_ = file_.has(format::lesion);
  if (file_.has_attribute(format::image, format::scale_attribute) &&
      file_.has_attribute(format::image, format::offset_attribute))
    layout_.quantisation = Quantisation{file_.attribute<double>(format::image, format::scale_attribute),
                                        file_.attribute<double>(format::image, format::offset_attribute)};
}

ForeignReader::~ForeignReader() {
  const std::lock_guard lock(h5::library_mutex());
  const h5::File closing = std::move(file_);
}

Fault ForeignReader::read_image(std::int64_t slice, float* values) const {
  const auto pixels = static_cast<std::size_t>(layout_.height * layout_.width);
  try {
    const std::lock_guard lock(h5::library_mutex());
    file_.read_slice(format::image, slice, std::span(values, pixels));
  } catch (const DataError& problem) {
    return problem.what();
  }
  if (layout_.quantisation) {
    const auto scale = static_cast<float>(layout_.quantisation->scale);
    const auto offset = static_cast<float>(layout_.quantisation->offset);
    for (std::size_t i = 0; i < pixels; ++i) values[i] = offset + scale * values[i];
  }
  return not_finite(format::image, slice, std::span(values, pixels));
}

/// Without a mask, the brain is where the image is not 0; without lesions there are none.
Fault ForeignReader::read_labels(Array array, std::int64_t slice, std::uint8_t* values) const {
  const auto pixels = static_cast<std::size_t>(layout_.height * layout_.width);
  if (array == Array::lesion && !has_lesion_) {
    std::fill_n(values, pixels, std::uint8_t{0});
    return std::nullopt;
  }
  std::vector<float> labels(pixels);
  if (array == Array::mask && !has_mask_) {
    if (Fault fault = read_image(slice, labels.data())) return fault;
  } else {
    const char* const name = format::arrays[static_cast<int>(array)];
    try {
      const std::lock_guard lock(h5::library_mutex());
      file_.read_slice(name, slice, std::span(labels));
    } catch (const DataError& problem) {
      return problem.what();
    }
    if (Fault fault = not_finite(name, slice, labels)) return fault;
  }
  std::transform(labels.begin(), labels.end(), values, [](float value) { return value != 0.0f; });
  return std::nullopt;
}

std::vector<std::uint32_t> ForeignReader::pixel_counts(int table) const {
  const Array array = table == format::brain_pixels ? Array::mask : Array::lesion;
  std::vector<std::uint8_t> labels(static_cast<std::size_t>(layout_.height * layout_.width));
  std::vector<std::uint32_t> counts;
  for (std::int64_t slice = 0; slice < layout_.num_slices(); ++slice) {
    if (const Fault fault = read_labels(array, slice, labels.data()))
      throw DataError(fmt::format("{}: {}", path_.string(), *fault));
    counts.push_back(std::accumulate(labels.begin(), labels.end(), std::uint32_t{0}));
  }
  return counts;
}

}  // namespace gyrus
