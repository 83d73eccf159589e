#include "trainer/diffusion/corruption.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <cstdlib>
#include <limits>

#include "launch/error.hpp"

namespace gyrus {
namespace {

void check_axis(const char* axis, std::int64_t size, std::int64_t box, std::int64_t stride) {
  if (box > size)
    throw ConfigError(
        fmt::format("corruption.box has {} {}, the slices of data.image_size have {}; make it "
                    "smaller",
                    box, axis, size));
  if (stride > box || (size - box) % stride != 0)
    throw ConfigError(
        fmt::format("corruption.box and corruption.stride do not tile the slices of data.image_size: {} {} "
                    "with boxes of {}, {} apart; (size - box) is a multiple of the stride, and the stride at "
                    "most the box",
                    size, axis, box, stride));
}

std::vector<Box> make_grid(const CorruptionOptions& options, std::int64_t rows, std::int64_t columns) {
  const auto& stride = options.stride.empty() ? options.box : options.stride;
  std::vector<Box> grid;
  for (std::int64_t row = 0; row + options.box[0] <= rows; row += stride[0])
    for (std::int64_t column = 0; column + options.box[1] <= columns; column += stride[1])
      grid.push_back({row, column, options.box[0], options.box[1]});
  return grid;
}

bool contains(const Box& box, std::int64_t row, std::int64_t column) {
  return row >= box.row && row < box.row + box.rows && column >= box.column &&
         column < box.column + box.columns;
}

/// Twice the city-block distance of a pixel's centre from the box's.
std::int64_t distance(const Box& box, std::int64_t row, std::int64_t column) {
  return std::abs(2 * row + 1 - (2 * box.row + box.rows)) +
         std::abs(2 * column + 1 - (2 * box.column + box.columns));
}

}  // namespace

void CorruptionOptions::fields(Fields& f) {
  f.field("region", region,
          "where a slice is noised: full, grid (one box of a grid, pDDPM) or random (a box anywhere inside)",
          {.choices = {"full", "grid", "random"}});
  f.field("box", box, "rows and columns of a box; with region=grid or random", {.unit = "pixels"});
  f.field("stride", stride, "distance of the boxes of the grid; empty: the box, so that none overlap",
          {.unit = "pixels"});
  f.field("merge", merge,
          "where restored boxes overlap: cut in the middle, or the average (Q16: divided once)",
          {.choices = {"cut", "average"}, .may_change_on_resume = true});
  f.field("loss", loss,
          "pixels that the loss of a box is divided by: the box's, or the slice's as in the published code, "
          "where it comes out smaller",
          {.choices = {"box", "slice"}});
}

void CorruptionOptions::validate(std::int64_t rows, std::int64_t columns) const {
  if (region == "full") return;
  if (box.size() != 2 || (!stride.empty() && stride.size() != 2))
    throw ConfigError("corruption.box and corruption.stride have two numbers each: rows, columns");
  for (const auto edge : {box[0], box[1], stride.empty() ? 1 : stride[0], stride.empty() ? 1 : stride[1]})
    if (edge < 1)
      throw ConfigError(
          fmt::format("corruption.box or corruption.stride holds {}; each is at least 1", edge));
  check_axis("rows", rows, box[0], stride.empty() ? box[0] : stride[0]);
  check_axis("columns", columns, box[1], stride.empty() ? box[1] : stride[1]);
}

std::unique_ptr<Corruption> make_corruption(const CorruptionOptions& options, std::int64_t rows,
                                            std::int64_t columns) {
  if (options.region == "full") return make_full_corruption(rows, columns);
  auto grid = make_grid(options, rows, columns);
  if (options.region == "grid") return make_grid_corruption(std::move(grid));
  return make_random_corruption(std::move(grid), rows, columns);
}

torch::Tensor box_masks(const std::vector<Box>& boxes, std::int64_t rows, std::int64_t columns) {
  torch::Tensor masks = torch::zeros({static_cast<std::int64_t>(boxes.size()), 1, rows, columns});
  for (std::size_t i = 0; i < boxes.size(); ++i)
    masks[static_cast<std::int64_t>(i)]
        .slice(1, boxes[i].row, boxes[i].row + boxes[i].rows)
        .slice(2, boxes[i].column, boxes[i].column + boxes[i].columns)
        .fill_(1.0f);
  return masks;
}

torch::Tensor merge_weights(const std::vector<Box>& boxes, std::int64_t rows, std::int64_t columns,
                            const std::string& merge) {
  const torch::Tensor masks = box_masks(boxes, rows, columns);
  if (merge == "average") return masks / masks.sum(0, /*keepdim=*/true);
  torch::Tensor weights = torch::zeros_like(masks);
  auto weight = weights.accessor<float, 4>();
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column) {
      std::size_t nearest = 0;
      std::int64_t least = std::numeric_limits<std::int64_t>::max();
      for (std::size_t i = 0; i < boxes.size(); ++i)
        if (contains(boxes[i], row, column) && distance(boxes[i], row, column) < least) {
          least = distance(boxes[i], row, column);
          nearest = i;
        }
      weight[static_cast<std::int64_t>(nearest)][0][row][column] = 1.0f;
    }
  return weights;
}

}  // namespace gyrus
