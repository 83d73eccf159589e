#pragma once

#include <unistd.h>

#include <stdexcept>

namespace gyrus::test {

/// For tests of files that may not be read: root reads every file, so it becomes another user meanwhile.
class AsNobody {
 public:
  AsNobody() : user_(::geteuid()) {
    if (user_ == 0 && ::seteuid(nobody) != 0)
      throw std::runtime_error("root cannot become another user here");
  }
  ~AsNobody() {
    if (user_ == 0 && ::seteuid(user_) != 0) ::_exit(1);
  }
  AsNobody(const AsNobody&) = delete;
  AsNobody& operator=(const AsNobody&) = delete;

 private:
  static constexpr uid_t nobody = 65534;
  uid_t user_;
};

}  // namespace gyrus::test
