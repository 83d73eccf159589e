#include "launch/error.hpp"

#include <fmt/format.h>

namespace gyrus {

void require(bool condition, std::string_view what, std::source_location where) {
  if (condition) return;
  throw Error(ExitCode::internal, fmt::format("internal error: {} ({}:{}); please report it", what,
                                              where.file_name(), where.line()));
}

}  // namespace gyrus
