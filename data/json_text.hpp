#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace gyrus {

/// JSON of a file that may be damaged or hostile. No file of Gyrus is nested as deep as a few levels; a
/// document of millions would overflow the stack of whoever walks through it.
/// @param where  named in messages. @throws DataError when it is not JSON, or nested too deep
nlohmann::json parse_json(const std::string& text, const std::string& where);

}  // namespace gyrus
