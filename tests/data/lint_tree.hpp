#pragma once

#include <gmock/gmock.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "data/lint/lint.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "tests/data/support.hpp"

namespace gyrus::test {

/// A tree of sources without any mistake:
/// healthy subjects A to D (train, train, val, test) in one source, P with a lesion in another.
class LintTree : public testing::Test {
 protected:
  static constexpr std::int16_t nx = 8, ny = 8, nz = 4;

  void SetUp() override {
    log::configure(0, true);
    folder_ = (scratch_ / "files").string();
    std::filesystem::create_directories(folder_);
    write_table("A,train\nB,train\nC,val\nD,test\n");
    for (const char* subject : {"A", "B", "C", "D", "P"}) {
      write(image(*subject), std::string(subject) + ".nii");
      write(labels(2, 5), std::string(subject) + "_mask.nii");
    }
    write(labels(3, 4), "P_lesion.nii");
    options_.name = "made";
    options_.root = (scratch_ / "prepared").string();
    options_.image_size = {nx, ny, nz};
    options_.curvature_flow = false;
    options_.sources = {"healthy", "patients"};
    auto& healthy = options_.source["healthy"];
    healthy.folder = folder_.string();
    healthy.table = "split.csv";
    healthy.image = "{subject}.nii";
    healthy.mask = "{subject}_mask.nii";
    auto& patients = options_.source["patients"] = healthy;
    patients.table.clear();
    patients.subjects = {"P"};
    patients.set = "lesions";
    patients.lesion = "{subject}_lesion.nii";
  }

  void write_table(const std::string& rows) { write_text(folder_ / "split.csv", "subject,split\n" + rows); }
  void write(const NiftiFile& file, const std::string& name) const { file.write(folder_ / name); }
  std::string path(const std::string& name) const { return (folder_ / name).string(); }

  /// A file with `value` at every voxel.
  template <class Value>
  static NiftiFile file(const Value& value) {
    NiftiFile made;
    made.shape = {nx, ny, nz};
    std::vector<float> voxels;
    for (int z = 0; z < nz; ++z)
      for (int y = 0; y < ny; ++y)
        for (int x = 0; x < nx; ++x) voxels.push_back(value(x, y, z));
    made.set_voxels(voxels);
    return made;
  }
  static bool inside(int x, int y, int first, int last) {
    return x >= first && x <= last && y >= first && y <= last;
  }
  /// Not 0 in the square 2..5 of each slice.
  static NiftiFile image(char subject) {
    return file([&](int x, int y, int z) {
      return inside(x, y, 2, 5) ? static_cast<float>(subject + 10 * x + 3 * y + z) : 0.0f;
    });
  }
  /// 1 in a square of each slice.
  static NiftiFile labels(int first, int last) {
    return file([&](int x, int y, int) { return inside(x, y, first, last) ? 1.0f : 0.0f; });
  }
  static NiftiFile with(NiftiFile file, std::size_t voxel, float value) {
    std::memcpy(&file.voxels[4 * voxel], &value, 4);
    return file;
  }

  LintReport lint() const { return Lint(options_, 2).report(); }
  /// What is found, as (check, is an error).
  static std::vector<std::pair<Check, bool>> kinds(const LintReport& report) {
    std::vector<std::pair<Check, bool>> found;
    for (const Finding& finding : report.findings) found.emplace_back(finding.check, finding.is_error);
    return found;
  }
  /// The only finding, which is of this kind.
  Finding only(Check check, bool is_error) const {
    const LintReport report = lint();
    EXPECT_THAT(kinds(report), testing::ElementsAre(std::pair(check, is_error)));
    return report.findings.empty() ? Finding{check, false, "", {}, {}} : report.findings.front();
  }
  std::string list() const { return read_file(std::filesystem::path(options_.root) / exclusions_file); }

  Scratch scratch_;
  std::filesystem::path folder_;
  DataOptions options_;
};

}  // namespace gyrus::test
