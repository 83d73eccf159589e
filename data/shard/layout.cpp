#include "data/shard/layout.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "data/storage/h5.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

namespace format = shard_format;

void check_format(const h5::File& file, const std::filesystem::path& path) {
  if (!file.has_attribute("/", format::format_attribute) ||
      file.text_attribute("/", format::format_attribute) != format::name) {
    throw DataError(fmt::format(
        "{} is an HDF5 file but not a Gyrus shard: make shards with `gyrus prepare` or `gyrus shards repack`",
        path.string()));
  }
  const auto version = file.attribute<std::int64_t>("/", format::version_attribute);
  if (version != format::version) {
    throw DataError(
        fmt::format("{} has shard format version {}, this program reads version {}: run `gyrus prepare` "
                    "of this program again",
                    path.string(), version, format::version));
  }
}

std::optional<Quantisation> quantisation_of(const h5::File& file) {
  if (!file.has_attribute(format::image, format::scale_attribute)) return std::nullopt;
  return Quantisation{file.attribute<double>(format::image, format::scale_attribute),
                      file.attribute<double>(format::image, format::offset_attribute)};
}

template <class T>
std::uint64_t digest_of(const std::vector<T>& values) {
  return digest64(std::as_bytes(std::span(values)));
}

std::uint64_t digest_of_table(const h5::File& file, int table) {
  const std::string name = format::tables[table];
  return table < format::brain_pixels ? digest_of(file.read<std::uint64_t>(name))
                                      : digest_of(file.read<std::uint32_t>(name));
}

}  // namespace

std::uint64_t ShardLayout::table_bytes(int table) const {
  const std::uint64_t per_slice =
      table < format::brain_pixels ? 3 * sizeof(std::uint64_t) : sizeof(std::uint32_t);
  return per_slice * static_cast<std::uint64_t>(num_slices());
}

std::size_t ShardLayout::element_bytes(int array) const {
  if (array != 0) return 1;
  return quantisation ? sizeof(std::uint16_t) : sizeof(float);
}

ShardLayout ShardLayout::of_file(const std::filesystem::path& path) {
  const std::lock_guard lock(h5::library_mutex());
  const auto file = h5::File::open(path);
  check_format(file, path);
  ShardLayout layout;
  layout.depth = file.attribute<std::int64_t>("/", format::depth_attribute);
  layout.codec = codec_named(file.text_attribute("/", format::codec_attribute));
  layout.quantisation = quantisation_of(file);
  layout.num_volumes = static_cast<std::int64_t>(file.num_elements(format::volume_ids));
  const auto shape = file.shape(format::image);
  bool sound = shape.size() == 3 && layout.depth > 0 && shape[0] % layout.depth == 0 &&
               shape[0] / layout.depth == layout.num_volumes && shape[1] > 0 && shape[2] > 0;
  for (const char* array : format::arrays) sound = sound && file.shape(array) == shape;
  for (int table = 0; sound && table < format::num_tables; ++table) {
    const auto place = file.place(format::tables[table]);
    sound = place.bytes == layout.table_bytes(table);
    if (sound) layout.tables[table] = {place.offset, digest_of_table(file, table)};
  }
  if (!sound) throw DataError(fmt::format("{} is damaged: its tables do not fit its content", path.string()));
  layout.height = shape[1];
  layout.width = shape[2];
  return layout;
}

}  // namespace gyrus
