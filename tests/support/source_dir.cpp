#include "tests/support/source_dir.hpp"

namespace gyrus::test {

std::filesystem::path source_dir() {
  return GYRUS_SOURCE_DIR;
}

}  // namespace gyrus::test
