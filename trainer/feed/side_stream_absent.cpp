// Builds without CUDA.
#include "launch/error.hpp"
#include "trainer/feed/side_stream.hpp"

namespace gyrus {

std::unique_ptr<SideStream> make_cuda_side_stream(torch::Device /*device*/) {
  throw NotBuiltError("this build has no streams of GPUs: build the preset `cuda`");
}

std::uint64_t free_cuda_bytes(torch::Device /*device*/) {
  throw NotBuiltError("this build knows no memory of GPUs: build the preset `cuda`");
}

}  // namespace gyrus
