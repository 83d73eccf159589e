// One box of a grid is noised, each with equal probability: what pDDPM does.
#include "trainer/diffusion/corruption.hpp"

namespace gyrus {
namespace {

class GridCorruption : public Corruption {
 public:
  explicit GridCorruption(std::vector<Box> grid) : grid_(std::move(grid)) {}
  Box draw(Random random) const override { return grid_[random.below(grid_.size())]; }
  std::vector<Box> boxes() const override { return grid_; }

 private:
  std::vector<Box> grid_;
};

}  // namespace

std::unique_ptr<Corruption> make_grid_corruption(std::vector<Box> grid) {
  return std::make_unique<GridCorruption>(std::move(grid));
}

}  // namespace gyrus
