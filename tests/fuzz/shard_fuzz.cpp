// A shard whose bytes are damaged, read by the layout that the manifest gave.
#include "data/shard/reader.hpp"

#include <unistd.h>

#include "data/shard/writer.hpp"
#include "launch/files.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace gyrus::fuzz {
namespace {

Volume small_volume() {
  Volume volume;
  volume.id = volume.subject = "IXI001";
  volume.set = "train";
  volume.depth = 2;
  volume.height = volume.width = 8;
  for (int i = 0; i < 128; ++i) {
    volume.image.push_back(static_cast<float>(i % 17) / 17.0f);
    volume.mask.push_back(i % 3 == 0);
    volume.lesion.push_back(0);
  }
  return volume;
}

}  // namespace

Target make_target() {
  const auto path =
      std::filesystem::temp_directory_path() / ("gyrus_fuzz_" + std::to_string(::getpid()) + ".h5");
  ShardWriter writer({.codec = Codec::lz4, .quantisation = Quantisation::unit_range()});
  writer.add(writer.encode(small_volume()));
  const ShardLayout layout = writer.write(path).layout;
  const std::string whole = read_file(path);
  std::filesystem::remove(path);
  return {{whole}, through_file(".h5", [layout](const std::filesystem::path& file) {
            const ShardReader reader(file, layout);
            std::vector<float> image(64);
            std::vector<std::uint8_t> labels(64);
            for (std::int64_t slice = 0; slice < 2; ++slice) {
              static_cast<void>(reader.read_image(slice, image.data()));
              for (const auto array : {SliceSource::Array::mask, SliceSource::Array::lesion})
                static_cast<void>(reader.read_labels(array, slice, labels.data()));
            }
            static_cast<void>(reader.pixel_counts(shard_format::brain_pixels));
          })};
}

}  // namespace gyrus::fuzz
