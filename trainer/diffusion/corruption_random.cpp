// A box anywhere inside the slice is noised; the published option lets boxes hang over the border (Q16).
#include "trainer/diffusion/corruption.hpp"

namespace gyrus {
namespace {

class RandomCorruption : public Corruption {
 public:
  RandomCorruption(std::vector<Box> grid, std::int64_t rows, std::int64_t columns)
      : grid_(std::move(grid)), rows_(rows), columns_(columns) {}

  Box draw(Random random) const override {
    Box box = grid_.front();
    box.row = static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(rows_ - box.rows + 1)));
    box.column =
        static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(columns_ - box.columns + 1)));
    return box;
  }
  std::vector<Box> boxes() const override { return grid_; }

 private:
  std::vector<Box> grid_;
  std::int64_t rows_, columns_;
};

}  // namespace

std::unique_ptr<Corruption> make_random_corruption(std::vector<Box> grid, std::int64_t rows,
                                                   std::int64_t columns) {
  return std::make_unique<RandomCorruption>(std::move(grid), rows, columns);
}

}  // namespace gyrus
