#define USE_C10D_NCCL  // without it the next header is empty
#include <torch/csrc/distributed/c10d/ProcessGroupNCCL.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <cstdlib>

#include "launch/topology.hpp"
#include "trainer/distributed/process_group.hpp"

namespace gyrus {

c10::intrusive_ptr<c10d::Backend> make_nccl_backend(const mpi::Communicator& communicator, torch::Device) {
  // Rank 0 lets the system choose a free port and MPI tells everybody: no address to configure, no clash
  // between jobs.
  c10d::TCPStoreOptions options;
  options.useLibUV = false;  // libuv is missing from some builds of LibTorch and then throws
  c10::intrusive_ptr<c10d::TCPStore> store;
  const std::string host = host_name();
  std::string address;
  if (communicator.rank() == 0) {
    options.isServer = true;
    options.waitWorkers = false;
    options.port = 0;
    store = c10::make_intrusive<c10d::TCPStore>(host, options);
    address = host + ":" + std::to_string(store->getPort());
  }
  address = communicator.broadcast_text(address, 0);
  if (communicator.rank() != 0) {
    const auto colon = address.rfind(':');
    options.port = static_cast<std::uint16_t>(std::atoi(address.c_str() + colon + 1));
    store = c10::make_intrusive<c10d::TCPStore>(address.substr(0, colon), options);
  }
  return c10::make_intrusive<c10d::ProcessGroupNCCL>(store, communicator.rank(), communicator.size());
}

}  // namespace gyrus
