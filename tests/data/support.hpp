#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "data/options.hpp"
#include "launch/error.hpp"
#include "tests/support/source_dir.hpp"

namespace gyrus::test {

/// A fresh folder that goes away with the test.
class Scratch {
 public:
  Scratch() {
    static int number = 0;
    path_ = std::filesystem::temp_directory_path() /
            ("gyrus_data_" + std::to_string(::getpid()) + "_" + std::to_string(number++));
    std::filesystem::remove_all(path_);
    std::filesystem::create_directories(path_);
  }
  ~Scratch() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

inline void write_text(const std::filesystem::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
}

/// ${VARIABLE}, else ../shared/NAME beside the checkout.
inline std::filesystem::path shared_folder(const char* variable, const std::string& name) {
  if (const char* given = std::getenv(variable)) return given;
  return source_dir() / ".." / "shared" / name;
}

/// Text of the error that `action` throws; "" when it throws none of this type.
template <class Exception, class Action>
std::string error_of(const Action& action) {
  try {
    action();
  } catch (const Exception& problem) {
    return problem.what();
  }
  return "";
}

/// A phantom data set of a few small volumes.
inline DataOptions small_phantom(const std::filesystem::path& root) {
  DataOptions options;
  options.name = "small";
  options.kind = "phantom";
  options.root = root.string();
  options.image_size = {20, 18, 5};
  options.shard_volumes = 3;
  options.phantom.train_subjects = 7;
  options.phantom.val_subjects = 2;
  options.phantom.test_subjects = 1;
  return options;
}

/// `data=NAME` of configs/, with further overrides; checked.
DataOptions shipped_data(const std::string& name, const std::vector<std::string>& overrides = {});

/// Fields of a NIfTI-1 file that a test may want wrong.
struct NiftiFile {
  std::vector<std::int16_t> shape = {4, 3, 2};
  std::int16_t datatype = 16;  // float32
  std::vector<float> spacing = {1, 1, 1};
  float slope = 0.0f, intercept = 0.0f;
  std::int16_t sform_code = 1;
  std::vector<float> affine = {-1, 0, 0, 0, 0, -1, 0, 0, 0, 0, 1, 0};  // LPS axes
  std::int16_t qform_code = 0;                                         // the qform's axes are LPS, too
  float qfac = 1.0f;   // -1: with its third axis the other way round
  std::string voxels;  // raw bytes

  template <class T>
  void set_voxels(const std::vector<T>& values) {
    voxels.assign(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
  }
  /// Writes .nii, or .nii.gz when the name ends so.
  void write(const std::filesystem::path& path) const;
};

}  // namespace gyrus::test
