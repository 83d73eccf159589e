#pragma once

#include <functional>
#include <string>

namespace gyrus {

/// The message of the error that `action` throws; "no error" when it throws none of this type.
template <class ErrorType>
std::string message_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const ErrorType& problem) {
    return problem.what();
  }
  return "no error";
}

}  // namespace gyrus
