#include "launch/program.hpp"

#include <mpi.h>
#include <unistd.h>

#include <filesystem>

#include "launch/error.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

constexpr unsigned seconds_to_finalize = 20;

int end_with_error(ExitCode code, const char* message, bool shared) {
  int initialized = 0, finalized = 0, rank = 0;
  MPI_Initialized(&initialized);
  MPI_Finalized(&finalized);
  const bool in_job = initialized != 0 && finalized == 0;
  if (in_job) MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  if (rank == 0 || !shared) log::error("{}", message);
  log::flush();
  const int status = static_cast<int>(code);
  if (!in_job) return status;
  if (!shared) MPI_Abort(MPI_COMM_WORLD, status);
  ::alarm(seconds_to_finalize);  // should a peer not come to this place after all, the signal ends the job
  MPI_Finalize();
  return status;
}

}  // namespace

int run_program(const std::function<int()>& body) {
  try {
    return body();
  } catch (const AgreedError& error) {
    return end_with_error(error.code(), error.what(), true);
  } catch (const ConfigError& error) {
    return end_with_error(error.code(), error.what(), true);
  } catch (const FatalStateError& error) {
    return end_with_error(error.code(), error.what(), true);
  } catch (const Error& error) {
    return end_with_error(error.code(), error.what(), false);
  } catch (const std::filesystem::filesystem_error& error) {
    return end_with_error(ExitCode::data, error.what(), false);
  } catch (const std::exception& error) {
    return end_with_error(ExitCode::internal, error.what(), false);
  }
}

}  // namespace gyrus
