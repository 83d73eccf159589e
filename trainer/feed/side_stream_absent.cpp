// Of builds without CUDA: the CPU is the only device.
#include "data/placement/node_memory.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {
namespace {

class SameThread : public SideStream {
 public:
  Wait run(const std::function<void()>& work) const override {
    work();
    return [](const std::vector<torch::Tensor>&) {};
  }
};

}  // namespace

std::unique_ptr<SideStream> make_side_stream(torch::Device /*device*/) {
  return std::make_unique<SameThread>();
}

std::uint64_t free_device_bytes(torch::Device /*device*/) {
  return available_memory();
}

}  // namespace gyrus
