#include "trainer/autocast.hpp"

#include <ATen/autocast_mode.h>

namespace gyrus {

Autocast::Autocast(torch::Device device, bool on) : type_(device.type()), on_(on) {
  if (!on_) return;
  at::autocast::set_autocast_enabled(type_, true);
  at::autocast::set_autocast_dtype(type_, torch::kBFloat16);
}

Autocast::~Autocast() {
  if (!on_) return;
  at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(type_, false);
}

}  // namespace gyrus
