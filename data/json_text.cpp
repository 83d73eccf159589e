#include "data/json_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr int max_depth = 64;

}  // namespace

nlohmann::json parse_json(const std::string& text, const std::string& where) {
  const auto check_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    if (depth > max_depth)
      throw DataError(
          fmt::format("{} is nested more than {} levels deep: the file is damaged", where, max_depth));
    return true;
  };
  auto document = nlohmann::json::parse(text, check_depth, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw DataError(fmt::format("{} is not JSON: the file is damaged", where));
  return document;
}

}  // namespace gyrus
