#include "trainer/report/pictures.hpp"

#include <fmt/format.h>
#include <png.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t num_rows = 3, num_columns = 5, gap = 2, zoom_to = 192;
using Colour = std::array<std::uint8_t, 3>;

struct Canvas {
  std::int64_t width, height;
  std::vector<std::uint8_t> pixels =
      std::vector<std::uint8_t>(static_cast<std::size_t>(3 * width * height), 20);

  void set(std::int64_t x, std::int64_t y, const Colour& colour) {
    std::copy(colour.begin(), colour.end(), pixels.begin() + 3 * (y * width + x));
  }
};

std::uint8_t to_byte(double value) {
  return static_cast<std::uint8_t>(std::clamp(value, 0.0, 1.0) * 255.0 + 0.5);
}
Colour grey(double value) {
  return {to_byte(value), to_byte(value), to_byte(value)};
}
/// Black, red, yellow, white: residuals are small, so a quarter of the range is already bright.
Colour heat(double value) {
  const double v = std::clamp(4.0 * value, 0.0, 1.0) * 3.0;
  return {to_byte(v), to_byte(v - 1.0), to_byte(v - 2.0)};
}

std::vector<std::int64_t> slices_to_show(const Volume& volume) {
  const auto& weights = volume.label != 0 ? volume.lesion : volume.mask;
  const std::int64_t area = volume.height * volume.width;
  std::vector<std::int64_t> order(static_cast<std::size_t>(volume.depth)), pixels(order.size());
  std::iota(order.begin(), order.end(), 0);
  for (std::int64_t z = 0; z < volume.depth; ++z)
    pixels[z] = std::count_if(weights.begin() + z * area, weights.begin() + (z + 1) * area,
                              [](auto value) { return value != 0; });
  std::ranges::stable_sort(order, std::greater{}, [&](std::int64_t z) { return pixels[z]; });
  order.resize(static_cast<std::size_t>(std::min(num_rows, volume.depth)));
  std::ranges::sort(order);
  return order;
}

void write_png(const std::filesystem::path& file, const Canvas& canvas) {
  png_image image = {};
  image.version = PNG_IMAGE_VERSION;
  image.width = static_cast<png_uint_32>(canvas.width);
  image.height = static_cast<png_uint_32>(canvas.height);
  image.format = PNG_FORMAT_RGB;
  if (png_image_write_to_file(&image, file.c_str(), 0, canvas.pixels.data(), 0, nullptr) == 0)
    throw DataError(fmt::format("cannot write the picture {}: {}", file.string(), image.message));
}

}  // namespace

void write_picture(const std::filesystem::path& file, const ScoredVolume& scored, double threshold) {
  const Volume& volume = scored.volume;
  const auto slices = slices_to_show(volume);
  const std::int64_t zoom = std::max<std::int64_t>(1, zoom_to / std::max(volume.height, volume.width));
  // Rows of a slice run along x (left-right): shown turned, so that a brain stands upright with its front on
  // top.
  const std::int64_t tile_width = volume.height * zoom, tile_height = volume.width * zoom;
  Canvas canvas{num_columns * (tile_width + gap) - gap,
                static_cast<std::int64_t>(slices.size()) * (tile_height + gap) - gap};
  for (std::size_t row = 0; row < slices.size(); ++row)
    for (std::int64_t y = 0; y < tile_height; ++y)
      for (std::int64_t x = 0; x < tile_width; ++x) {
        const std::int64_t voxel = (slices[row] * volume.height + x / zoom) * volume.width + y / zoom;
        const float residual = scored.residual[voxel];
        const std::array<Colour, num_columns> colours = {
            grey(volume.image[voxel]), grey(scored.reconstruction[voxel]), heat(residual),
            grey(residual > threshold ? 1.0 : 0.0), grey(volume.lesion[voxel] != 0 ? 1.0 : 0.0)};
        for (std::int64_t column = 0; column < num_columns; ++column)
          canvas.set(column * (tile_width + gap) + x,
                     static_cast<std::int64_t>(row) * (tile_height + gap) + y, colours[column]);
      }
  write_png(file, canvas);
}

}  // namespace gyrus
