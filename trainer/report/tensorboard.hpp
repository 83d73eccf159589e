#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace gyrus {

/// Writes scalar summaries as TensorBoard event files: TFRecord frames (length, masked CRC-32C, protobuf
/// Event). Thread safety: none.
class TensorBoardWriter {
 public:
  /// @throws DataError
  explicit TensorBoardWriter(const std::filesystem::path& folder);

  void add_scalar(const std::string& tag, std::int64_t step, double value);
  void flush() { file_.flush(); }

 private:
  void write_record(const std::string& event);
  std::ofstream file_;
};

/// CRC-32C (Castagnoli), as RFC 3720 defines it.
std::uint32_t crc32c(const std::string& bytes);

}  // namespace gyrus
