#pragma once

namespace gyrus {

/// Turns SIGUSR1, SIGTERM and SIGINT into a flag that the training loop reads between steps. A second SIGINT
/// ends the process at once, for impatient people. One per process.
class StopSignal {
 public:
  StopSignal();
  ~StopSignal();
  StopSignal(const StopSignal&) = delete;
  StopSignal& operator=(const StopSignal&) = delete;

  /// Number of the signal that asked to stop, 0 while none did.
  int received() const;
};

}  // namespace gyrus
