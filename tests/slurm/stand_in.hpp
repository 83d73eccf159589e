#pragma once

#include <filesystem>
#include <string>

namespace gyrus::test {

/// Puts executable shell scripts (srun, mpirun, scontrol, sbatch) in front of PATH for the life of the
/// object, and gives each test an empty folder.
class FakeCommands {
 public:
  FakeCommands();
  ~FakeCommands();
  FakeCommands(const FakeCommands&) = delete;
  FakeCommands& operator=(const FakeCommands&) = delete;

  /// @param body  of a bash script; $FOLDER is folder()
  void add(const std::string& name, const std::string& body) const;
  /// PATH holds nothing else from now on.
  void only() const;
  const std::filesystem::path& folder() const { return folder_; }
  /// Content of a file in folder(), empty when there is none.
  std::string read(const std::string& name) const;

 private:
  std::filesystem::path folder_;
  std::string old_path_;
};

}  // namespace gyrus::test
