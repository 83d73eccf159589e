#include "trainer/feed/side_stream.hpp"

#include "data/placement/node_memory.hpp"

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

std::unique_ptr<SideStream> make_side_stream(torch::Device device) {
  if (device.is_cuda()) return make_cuda_side_stream(device);
  return std::make_unique<SameThread>();
}

std::uint64_t free_device_bytes(torch::Device device) {
  return device.is_cuda() ? free_cuda_bytes(device) : available_memory();
}

}  // namespace gyrus
