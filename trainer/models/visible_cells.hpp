#pragma once

#include <torch/types.h>

namespace gyrus {

/// Which cells of a grid over a slice a sparse network sees. Feature maps of every resolution are kept at 0
/// in the other cells, so that nothing leaks from them. Default: all cells, and nothing is computed.
/// Reference: Tian et al. 2023, arXiv 2301.03580 (SparK); method section 4.
class VisibleCells {
 public:
  VisibleCells() = default;
  /// @param cells  [B, 1, h, w], 0/1
  explicit VisibleCells(torch::Tensor cells) : cells_(std::move(cells)) {}

  /// The cells at the resolution and in the type of `map` [B, C, H, W]: [B, 1, H, W]; undefined when all are
  /// visible. @pre H and W are multiples of h and w
  torch::Tensor over(const torch::Tensor& map) const;
  /// `map`, 0 in the cells that are not visible.
  torch::Tensor keep(const torch::Tensor& map) const;

 private:
  torch::Tensor cells_;
};

}  // namespace gyrus
