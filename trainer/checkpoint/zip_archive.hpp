#pragma once

#include <cstddef>
#include <filesystem>
#include <map>
#include <span>
#include <string>

namespace gyrus {

/// A whole file in memory, read-only; pages are read when they are touched.
class MappedFile {
 public:
  /// @throws DataError naming the path and the system's reason
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::span<const std::byte> bytes() const { return bytes_; }

 private:
  std::span<const std::byte> bytes_;
};

/// The entries of a zip archive whose entries are stored as they are, as torch.save writes them; zip64 too.
/// Entries are views into the file. Every position in the file is checked before it is used. Reference:
/// PKWARE APPNOTE 6.3.10, sections 4.3 and 4.5.3.
class ZipArchive {
 public:
  /// @throws DataError naming the file and the entry: truncated, no zip, compressed or encrypted entries,
  /// names twice
  explicit ZipArchive(const std::filesystem::path& path);

  bool has(const std::string& name) const { return entries_.contains(name); }
  /// The one entry whose name ends with `suffix`. @throws DataError for none or several
  const std::string& name_ending_with(const std::string& suffix) const;
  /// An entry's bytes. @throws DataError without such an entry, naming it
  std::span<const std::byte> bytes(const std::string& name) const;
  /// The same, compared with the archive's CRC-32. @throws DataError
  std::span<const std::byte> checked_bytes(const std::string& name) const;

  const std::filesystem::path& path() const { return path_; }

 private:
  struct Entry {
    std::span<const std::byte> bytes;
    std::uint32_t checksum;
  };
  const Entry& entry(const std::string& name) const;

  std::filesystem::path path_;
  MappedFile file_;
  std::map<std::string, Entry> entries_;
};

/// Text of a foreign file for messages: at most 120 characters, everything that is no printable ASCII as '?'.
std::string printable(std::string_view text);

}  // namespace gyrus
