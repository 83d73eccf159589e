#include "trainer/models/visible_cells.hpp"

#include <torch/torch.h>

namespace gyrus {

torch::Tensor VisibleCells::over(const torch::Tensor& map) const {
  if (!cells_.defined()) return {};
  const std::int64_t rows = map.size(2) / cells_.size(2), columns = map.size(3) / cells_.size(3);
  return cells_.to(map.scalar_type()).repeat_interleave(rows, 2).repeat_interleave(columns, 3);
}

torch::Tensor VisibleCells::keep(const torch::Tensor& map) const {
  return cells_.defined() ? map * over(map) : map;
}

}  // namespace gyrus
