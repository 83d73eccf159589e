#pragma once

#include <torch/types.h>

namespace gyrus {

/// Convolutions and matrix products in bfloat16 while it lives. Thread safety: acts on the calling thread.
class Autocast {
 public:
  Autocast(torch::Device device, bool on);
  ~Autocast();
  Autocast(const Autocast&) = delete;
  Autocast& operator=(const Autocast&) = delete;

 private:
  torch::DeviceType type_;
  bool on_;
};

}  // namespace gyrus
