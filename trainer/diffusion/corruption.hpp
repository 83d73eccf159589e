#pragma once

#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "data/random.hpp"
#include "launch/config/fields.hpp"

namespace gyrus {

struct CorruptionOptions {
  std::string region = "full";               // full | grid | random
  std::vector<std::int64_t> box = {48, 48};  // rows, columns
  std::vector<std::int64_t> stride;          // rows, columns; empty: the box, so that boxes do not overlap
  std::string merge = "cut";                 // cut | average
  std::string loss = "box";                  // box | slice

  void fields(Fields& f);
  /// @throws ConfigError when the boxes do not tile slices of rows x columns
  void validate(std::int64_t rows, std::int64_t columns) const;
};

/// A rectangle of a slice; rows are the volume's x, columns its y.
struct Box {
  std::int64_t row = 0, column = 0, rows = 0, columns = 0;
};

/// Where a slice is noised; the rest stays clean and gives context.
/// Reference: Behrendt et al. 2023, arXiv 2303.03758 (pDDPM); method section 9.
class Corruption {
 public:
  virtual ~Corruption() = default;
  /// The box of one training sample. Determinism: depends on the random numbers alone.
  virtual Box draw(Random random) const = 0;
  /// The boxes that a reconstruction restores one by one; together they cover the slice.
  virtual std::vector<Box> boxes() const = 0;
};

/// One file each: the whole slice; a box of a grid; a box anywhere inside the slice (Q16), restored on the
/// grid.
std::unique_ptr<Corruption> make_full_corruption(std::int64_t rows, std::int64_t columns);
std::unique_ptr<Corruption> make_grid_corruption(std::vector<Box> grid);
std::unique_ptr<Corruption> make_random_corruption(std::vector<Box> grid, std::int64_t rows,
                                                   std::int64_t columns);

/// @pre options.validate(rows, columns)
std::unique_ptr<Corruption> make_corruption(const CorruptionOptions& options, std::int64_t rows,
                                            std::int64_t columns);

/// 1 inside each box. @returns [boxes, 1, rows, columns], float32
torch::Tensor box_masks(const std::vector<Box>& boxes, std::int64_t rows, std::int64_t columns);

/// What each box contributes to each pixel of the stitched slice; sums to 1 over boxes. `cut`: the box whose
/// centre is nearest (the first of several), so that overlaps are cut in the middle; `average`: all boxes
/// over the pixel alike, divided once (Q16). @returns [boxes, 1, rows, columns], float32
torch::Tensor merge_weights(const std::vector<Box>& boxes, std::int64_t rows, std::int64_t columns,
                            const std::string& merge);

}  // namespace gyrus
