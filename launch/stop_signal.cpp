#include "launch/stop_signal.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>

namespace gyrus {
namespace {

std::atomic<int> received_signal{0};
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may only touch lock-free data");

void remember(int signal) {
  if (signal == SIGINT && received_signal.load() == SIGINT) ::_exit(128 + SIGINT);
  received_signal.store(signal);
}

constexpr std::array handled = {SIGUSR1, SIGTERM, SIGINT};

}  // namespace

StopSignal::StopSignal() {
  received_signal.store(0);
  struct sigaction action = {};
  action.sa_handler = remember;
  action.sa_flags = SA_RESTART;
  for (const int signal : handled) ::sigaction(signal, &action, nullptr);
}

StopSignal::~StopSignal() {
  for (const int signal : handled) ::signal(signal, SIG_DFL);
}

int StopSignal::received() const {
  return received_signal.load();
}

}  // namespace gyrus
