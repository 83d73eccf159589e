#include "launch/agree.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>

#include "launch/error.hpp"

namespace gyrus {
namespace {

/// "CODE message" of what `action` threw, or nothing.
std::string problem_of(const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& problem) {
    return fmt::format("{} {}", static_cast<int>(problem.code()), problem.what());
  } catch (const std::filesystem::filesystem_error& problem) {
    return fmt::format("{} {}", static_cast<int>(ExitCode::data), problem.what());
  } catch (const std::exception& problem) {
    return fmt::format("{} {}", static_cast<int>(ExitCode::internal), problem.what());
  }
  return {};
}

void throw_if_problem(const std::string& problem) {
  if (problem.empty()) return;
  const auto space = problem.find(' ');
  throw AgreedError(static_cast<ExitCode>(std::stoi(problem.substr(0, space))), problem.substr(space + 1));
}

}  // namespace

void on_rank_zero(const mpi::Communicator& communicator, const std::function<void()>& action) {
  throw_if_problem(
      communicator.broadcast_text(communicator.rank() == 0 ? problem_of(action) : std::string(), 0));
}

void on_every_rank(const mpi::Communicator& communicator, const std::function<void()>& action) {
  for (const auto& problem : communicator.all_gather_text(problem_of(action))) throw_if_problem(problem);
}

}  // namespace gyrus
