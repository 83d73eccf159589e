#include "data/shard/writer.hpp"

#include "data/shard/codec.hpp"
#include "data/shard/format.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {

ShardWriter::ShardWriter(std::int64_t num_volumes, std::int64_t depth, std::int64_t height,
                         std::int64_t width)
    : num_volumes_(num_volumes),
      depth_(depth),
      height_(height),
      width_(width),
      file_(h5::File::create_in_memory()) {
  file_.write_attribute("/", shard_format::format_attribute, shard_format::name);
  file_.write_attribute("/", shard_format::version_attribute, shard_format::version);
  file_.write_attribute("/", shard_format::depth_attribute, depth);
  const std::vector<std::int64_t> shape = {num_volumes * depth, height, width};
  file_.create_sliced(shard_format::image, shape, h5::Type::f32);
  file_.create_sliced(shard_format::mask, shape, h5::Type::u8);
  file_.create_sliced(shard_format::lesion, shape, h5::Type::u8);
}

void ShardWriter::add(const Volume& volume) {
  require(volume.depth == depth_ && volume.height == height_ && volume.width == width_ &&
              num_added_ < num_volumes_,
          "a volume fits its shard");
  const auto pixels = static_cast<std::size_t>(height_ * width_);
  const std::span<const std::byte> values[] = {std::as_bytes(std::span(volume.image)),
                                               std::as_bytes(std::span(volume.mask)),
                                               std::as_bytes(std::span(volume.lesion))};
  for (int array = 0; array < 3; ++array) {
    const std::size_t element_bytes = array == 0 ? sizeof(float) : 1;
    require(values[array].size() == pixels * depth_ * element_bytes, "a volume's arrays have its shape");
    for (std::int64_t slice = 0; slice < depth_; ++slice) {
      const std::size_t slice_bytes = pixels * element_bytes;
      const auto stored =
          compress_chunk(values[array].subspan(slice * slice_bytes, slice_bytes), element_bytes);
      file_.write_slice_chunk(shard_format::arrays[array], num_added_ * depth_ + slice, stored);
      digests_[array].push_back(digest64(stored));
    }
  }
  ids_.push_back(volume.id);
  subjects_.push_back(volume.subject);
  ++num_added_;
}

void ShardWriter::write_index() {
  for (int array = 0; array < 3; ++array) {
    const auto places = file_.slice_chunks(shard_format::arrays[array]);
    require(places.size() == digests_[array].size(), "every slice has a chunk");
    std::vector<std::uint64_t> index;
    for (std::size_t slice = 0; slice < places.size(); ++slice) {
      index.insert(index.end(), {places[slice].offset, places[slice].bytes, digests_[array][slice]});
    }
    const std::string dataset = std::string(shard_format::index_group) + shard_format::arrays[array];
    file_.write<std::uint64_t>(dataset, {static_cast<std::int64_t>(places.size()), 3}, index);
  }
}

ShardSummary ShardWriter::write(const std::filesystem::path& path) {
  require(num_added_ == num_volumes_, "a shard is complete when it is written");
  file_.write_texts(shard_format::volume_ids, ids_);
  file_.write_texts(shard_format::volume_subjects, subjects_);
  write_index();
  const auto bytes = file_.image();
  write_file_atomically(path, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
  return {bytes.size(), digest64(bytes)};
}

}  // namespace gyrus
