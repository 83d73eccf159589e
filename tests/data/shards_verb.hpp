#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "data/shards_verb.hpp"
#include "launch/files.hpp"
#include "tests/data/prepared.hpp"

namespace gyrus::test {

/// `gyrus shards` on a small prepared phantom.
class ShardsVerb : public Prepared {
 protected:
  /// Exit code and what was printed.
  std::pair<int, std::string> run(const std::vector<std::string>& arguments) {
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = shards_verb(arguments);
    printed_errors_ = testing::internal::GetCapturedStderr();
    return {code, testing::internal::GetCapturedStdout()};
  }
  std::string printed_errors_;
};

/// Flips a bit of the last byte of the first `needle` in a file.
inline void flip(const std::filesystem::path& shard, const std::string& needle) {
  std::string bytes = read_file(shard);
  const std::size_t at = bytes.find(needle);
  ASSERT_NE(at, std::string::npos) << needle;
  bytes[at + needle.size() - 1] ^= 0x01;
  write_text(shard, bytes);
}

}  // namespace gyrus::test
