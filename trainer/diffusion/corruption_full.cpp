// The whole slice is noised: what cDDPM and DDPM do.
#include "trainer/diffusion/corruption.hpp"

namespace gyrus {
namespace {

class FullCorruption : public Corruption {
 public:
  FullCorruption(std::int64_t rows, std::int64_t columns) : whole_{{0, 0, rows, columns}} {}
  Box draw(Random) const override { return whole_.front(); }
  std::vector<Box> boxes() const override { return whole_; }

 private:
  std::vector<Box> whole_;
};

}  // namespace

std::unique_ptr<Corruption> make_full_corruption(std::int64_t rows, std::int64_t columns) {
  return std::make_unique<FullCorruption>(rows, columns);
}

}  // namespace gyrus
