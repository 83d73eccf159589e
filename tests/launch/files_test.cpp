#include "launch/files.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <set>

#include "launch/csv.hpp"
#include "launch/error.hpp"
#include "launch/program.hpp"
#include "launch/temporary_files.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

std::filesystem::path scratch() {
  const auto path = std::filesystem::temp_directory_path() / ("gyrus_files_" + std::to_string(::getpid()));
  std::filesystem::create_directories(path);
  return path;
}

TEST(Files, AnAtomicWriteReplacesTheWholeFileAndLeavesNothingBehind) {
  const auto path = scratch() / "value.txt";
  write_file_atomically(path, "first, longer content");
  write_file_atomically(path, "second");
  EXPECT_EQ(read_file(path), "second");
  int files = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(scratch())) ++files;
  EXPECT_EQ(files, 1);
}

TEST(Files, TemporaryNamesAreOfThisHostAndProcess) {
  EXPECT_EQ(temporary_name("a/b.h5"), "a/b.h5.tmp" + host_name() + "." + std::to_string(::getpid()));
}

TEST(Files, WhatKilledProcessesLeftIsRemovedAndNothingElse) {
  const auto folder = scratch() / "leftovers";
  std::filesystem::create_directories(folder);
  const std::set<std::string> kept = {"a.h5", "a.h5.tmp", "a.h5.tmp.bak", "a.h5.tmphost.12b", "b.h5.tmp12"};
  for (const auto& name : kept) write_file_atomically(folder / name, "x");
  for (const char* name : {"a.h5.tmp12", "a.h5.tmpnode-1.cluster.345"})
    write_file_atomically(folder / name, "x");
  remove_temporary_files(folder, {"a.h5", "c.h5"});
  std::set<std::string> left;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) left.insert(entry.path().filename());
  EXPECT_EQ(left, kept);
  std::filesystem::remove_all(folder);
}

TEST(Files, AMissingFileIsNamedWithTheReason) {
  try {
    read_file("/no/such/file");
    FAIL() << "reading a missing file must throw";
  } catch (const DataError& problem) {
    EXPECT_STREQ(problem.what(), "cannot read /no/such/file: No such file or directory");
  }
}

TEST(Program, AnErrorOfTheFileSystemIsOneOfTheData) {
  const auto end = [](auto&& action) { return run_program([&]() -> int { return action(), 0; }); };
  EXPECT_EQ(end([] { std::filesystem::current_path("/no/such/folder"); }), 3);
  EXPECT_EQ(end([] { throw std::bad_alloc(); }), 5);
}

TEST(Files, WritingIntoAMissingFolderIsADataError) {
  EXPECT_THROW(write_file_atomically("/no/such/folder/file", "x"), DataError);
}

TEST(Files, DigestsDependOnBytesAndSeed) {
  EXPECT_EQ(digest64("abc"), digest64("abc"));
  EXPECT_NE(digest64("abc"), digest64("abd"));
  EXPECT_NE(digest64("abc"), digest64("abc", 1));
  EXPECT_EQ(to_hex(0xAB), "00000000000000ab");
}

TEST(Csv, CellsWithCommasAndQuotesAreQuoted) {
  EXPECT_EQ(csv_cell("plain"), "plain");
  EXPECT_EQ(csv_cell("a, b"), "\"a, b\"");
  EXPECT_EQ(csv_cell("say \"so\""), "\"say \"\"so\"\"\"");
}

}  // namespace
}  // namespace gyrus
