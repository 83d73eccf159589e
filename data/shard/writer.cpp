#include "data/shard/writer.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/version.hpp"

namespace gyrus {
namespace {

namespace format = shard_format;
using nlohmann::json;

std::vector<std::uint32_t> count_per_slice(const std::vector<std::uint8_t>& labels, std::int64_t depth) {
  std::vector<std::uint32_t> counts(static_cast<std::size_t>(depth), 0);
  const std::size_t pixels = labels.size() / counts.size();
  for (std::size_t i = 0; i < labels.size(); ++i) counts[i / pixels] += labels[i] != 0;
  return counts;
}

std::int64_t total(const std::vector<std::uint32_t>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::int64_t{0});
}

template <class T>
std::vector<std::vector<std::byte>> encode_slices(Codec codec, const std::vector<T>& values,
                                                  std::int64_t depth) {
  const std::size_t pixels = values.size() / static_cast<std::size_t>(depth);
  std::vector<std::vector<std::byte>> chunks;
  for (std::int64_t slice = 0; slice < depth; ++slice)
    chunks.push_back(
        encode_chunk(codec, sizeof(T), std::as_bytes(std::span(values).subspan(slice * pixels, pixels))));
  return chunks;
}

Provenance provenance_of(const Volume& volume) {
  return volume.provenance.value_or(Provenance{});
}

template <class T, class Get>
std::vector<T> column(const std::vector<ShardWriter::EncodedVolume>& volumes, const Get& get) {
  std::vector<T> values;
  for (const auto& encoded : volumes) values.push_back(get(encoded.volume));
  return values;
}

}  // namespace

VolumeInfo info_of(const Volume& volume, std::int64_t brain_voxels, std::int64_t lesion_voxels) {
  return {.id = volume.id,
          .subject = volume.subject,
          .set = volume.set,
          .age = volume.age,
          .site = volume.site,
          .label = volume.label,
          .depth = volume.depth,
          .height = volume.height,
          .width = volume.width,
          .spacing = volume.spacing,
          .brain_voxels = brain_voxels,
          .lesion_voxels = lesion_voxels};
}

ShardWriter::EncodedVolume ShardWriter::encode(Volume volume) const {
  const auto voxels = static_cast<std::size_t>(volume.depth * volume.height * volume.width);
  require(volume.depth > 0 && volume.image.size() == voxels && volume.mask.size() == voxels &&
              volume.lesion.size() == voxels,
          "a volume's arrays have its shape");
  EncodedVolume encoded;
  if (settings_.quantisation) {
    std::vector<std::uint16_t> quantised(voxels);
    quantise(volume.image, *settings_.quantisation, volume.id, quantised.data());
    encoded.chunks[0] = encode_slices(settings_.codec, quantised, volume.depth);
  } else {
    encoded.chunks[0] = encode_slices(settings_.codec, volume.image, volume.depth);
  }
  encoded.chunks[1] = encode_slices(settings_.codec, volume.mask, volume.depth);
  encoded.chunks[2] = encode_slices(settings_.codec, volume.lesion, volume.depth);
  encoded.brain_pixels = count_per_slice(volume.mask, volume.depth);
  encoded.lesion_pixels = count_per_slice(volume.lesion, volume.depth);
  volume.image = {};
  volume.mask = volume.lesion = {};
  encoded.volume = std::move(volume);
  return encoded;
}

void ShardWriter::add(EncodedVolume encoded) {
  if (!volumes_.empty()) {
    const Volume &first = volumes_.front().volume, &added = encoded.volume;
    require(added.depth == first.depth && added.height == first.height && added.width == first.width,
            "a volume fits its shard");
  }
  volumes_.push_back(std::move(encoded));
}

std::vector<VolumeInfo> ShardWriter::infos() const {
  std::vector<VolumeInfo> infos;
  for (const auto& encoded : volumes_)
    infos.push_back(info_of(encoded.volume, total(encoded.brain_pixels), total(encoded.lesion_pixels)));
  return infos;
}

void ShardWriter::write_attributes(h5::File& file) const {
  file.write_attribute("/", format::format_attribute, format::name);
  file.write_attribute("/", format::version_attribute, format::version);
  file.write_attribute("/", format::depth_attribute, volumes_.front().volume.depth);
  file.write_attribute("/", format::codec_attribute, codec_name(settings_.codec));
  file.write_attribute("/", format::set_attribute, volumes_.front().volume.set);
  file.write_attribute("/", format::recipe_attribute, settings_.recipe);
  file.write_attribute("/", format::preparation_attribute, json(settings_.preparation).dump());
  json skipped = json::array();
  for (const auto& volume : settings_.skipped) skipped.push_back({volume.id, volume.reason});
  file.write_attribute("/", format::skipped_attribute, skipped.dump());
  file.write_attribute("/", format::program_attribute, fmt::format("gyrus {}", version));
}

void ShardWriter::write_chunks(h5::File& file) const {
  const Volume& first = volumes_.front().volume;
  const auto num_volumes = static_cast<std::int64_t>(volumes_.size());
  const std::vector<std::int64_t> shape = {num_volumes * first.depth, first.height, first.width};
  file.create_sliced(format::image, shape, settings_.quantisation ? h5::Type::u16 : h5::Type::f32,
                     settings_.codec);
  file.create_sliced(format::mask, shape, h5::Type::u8, settings_.codec);
  file.create_sliced(format::lesion, shape, h5::Type::u8, settings_.codec);
  if (settings_.quantisation) {
    file.write_attribute(format::image, format::scale_attribute, settings_.quantisation->scale);
    file.write_attribute(format::image, format::offset_attribute, settings_.quantisation->offset);
    file.write_attribute(format::image, format::error_attribute, settings_.quantisation->max_error());
  }
  // Image and mask of a slice side by side: a reader that wants one wants the other.
  for (std::int64_t volume = 0; volume < num_volumes; ++volume)
    for (std::int64_t slice = 0; slice < first.depth; ++slice)
      for (int array = 0; array < 3; ++array)
        file.write_slice_chunk(format::arrays[array], volume * first.depth + slice,
                               volumes_[volume].chunks[array][slice]);
}

/// In front of the chunks, so that of a file that was cut off one can say which slices are lost.
void ShardWriter::create_tables(h5::File& file, std::int64_t num_slices) const {
  for (int table = 0; table < format::num_tables; ++table) {
    if (table < format::brain_pixels)
      file.create(format::tables[table], {num_slices, 3}, h5::Type::u64);
    else
      file.create(format::tables[table], {num_slices}, h5::Type::u32);
  }
}

void ShardWriter::write_tables(h5::File& file) const {
  const auto depth = static_cast<std::size_t>(volumes_.front().volume.depth);
  for (int array = 0; array < 3; ++array) {
    const auto places = file.slice_chunks(format::arrays[array]);
    std::vector<std::uint64_t> index;
    for (std::size_t slice = 0; slice < places.size(); ++slice) {
      const auto& chunk = volumes_[slice / depth].chunks[array][slice % depth];
      require(places[slice].bytes == chunk.size(), "every slice has its chunk");
      index.insert(index.end(), {places[slice].offset, places[slice].bytes, digest64(chunk)});
    }
    file.fill<std::uint64_t>(format::tables[array], index);
  }
  std::vector<std::uint32_t> brain, lesion;
  for (const auto& encoded : volumes_) {
    brain.insert(brain.end(), encoded.brain_pixels.begin(), encoded.brain_pixels.end());
    lesion.insert(lesion.end(), encoded.lesion_pixels.begin(), encoded.lesion_pixels.end());
  }
  file.fill<std::uint32_t>(format::tables[format::brain_pixels], brain);
  file.fill<std::uint32_t>(format::tables[format::lesion_pixels], lesion);
}

void ShardWriter::write_volumes(h5::File& file) const {
  const auto count = static_cast<std::int64_t>(volumes_.size());
  file.write_texts(format::volume_ids, column<std::string>(volumes_, [](auto& v) { return v.id; }));
  file.write_texts(format::volume_subjects, column<std::string>(volumes_, [](auto& v) { return v.subject; }));
  file.write_texts(format::volume_sites, column<std::string>(volumes_, [](auto& v) { return v.site; }));
  file.write_texts(format::volume_sources, column<std::string>(volumes_, [](auto& v) {
                     return json(provenance_of(v).sources).dump();
                   }));
  file.write<double>(format::volume_ages, {count}, column<double>(volumes_, [](auto& v) { return v.age; }));
  file.write<std::int64_t>(format::volume_labels, {count},
                           column<std::int64_t>(volumes_, [](auto& v) { return v.label; }));
  std::vector<double> spacings, affines;
  for (const auto& encoded : volumes_) {
    spacings.insert(spacings.end(), encoded.volume.spacing.begin(), encoded.volume.spacing.end());
    for (const auto& row : provenance_of(encoded.volume).affine)
      affines.insert(affines.end(), row.begin(), row.end());
  }
  file.write<double>(format::volume_spacings, {count, 3}, spacings);
  file.write<double>(format::volume_affines, {count, 3, 4}, affines);
}

ManifestShard ShardWriter::write(const std::filesystem::path& path) const {
  require(!volumes_.empty(), "a shard has volumes");
  const Volume& first = volumes_.front().volume;
  ShardLayout layout{.num_volumes = static_cast<std::int64_t>(volumes_.size()),
                     .depth = first.depth,
                     .height = first.height,
                     .width = first.width,
                     .codec = settings_.codec,
                     .quantisation = settings_.quantisation,
                     .tables = {}};
  std::vector<std::byte> bytes;
  {
    const std::lock_guard lock(h5::library_mutex());
    auto file = h5::File::create_in_memory();
    write_attributes(file);
    create_tables(file, layout.num_slices());
    write_volumes(file);
    write_chunks(file);
    write_tables(file);
    bytes = file.image();
    for (int table = 0; table < format::num_tables; ++table) {
      const auto place = file.place(format::tables[table]);
      layout.tables[table] = {place.offset, digest64(std::span(bytes).subspan(place.offset, place.bytes))};
    }
  }
  const std::string_view content(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  write_file_atomically(path, content);
  return list_shard(path, content, first.set, layout, infos(), settings_.skipped);
}

}  // namespace gyrus
