#include "trainer/checkpoint/zip_archive.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

using Bytes = std::span<const std::byte>;

constexpr std::uint32_t end_signature = 0x06054b50, end64_signature = 0x06064b50,
                        locator_signature = 0x07064b50, directory_signature = 0x02014b50,
                        local_signature = 0x04034b50;
constexpr std::size_t end_bytes = 22, end64_bytes = 56, locator_bytes = 20, directory_entry_bytes = 46,
                      local_header_bytes = 30, largest_comment = 65535;
constexpr std::uint64_t in_zip64 = 0xffffffff;  // a field of 32 bits whose value is in the zip64 part

/// Reads little-endian numbers of a part of the file; what lies outside is an error that names the part.
struct Part {
  Bytes bytes;
  const std::filesystem::path& path;
  std::string what;

  template <class T>
  T at(std::size_t offset) const {
    T value;
    std::memcpy(&value, part(offset, sizeof value).data(), sizeof value);
    return value;
  }
  Bytes part(std::uint64_t offset, std::uint64_t size) const {
    if (offset > bytes.size() || size > bytes.size() - offset)
      throw DataError(
          fmt::format("{} is truncated or no zip archive: its {} ends at byte {} of {}; copy it again",
                      path.string(), what, offset, bytes.size()));
    return bytes.subspan(offset, size);
  }
};

/// Where the directory of the archive lies, and how many entries it lists.
struct Directory {
  std::uint64_t offset, count;
};

std::size_t find_end_record(const Part& file) {
  const std::size_t size = file.bytes.size();
  const std::size_t lowest = size > end_bytes + largest_comment ? size - end_bytes - largest_comment : 0;
  for (std::size_t at = size < end_bytes ? 0 : size - end_bytes + 1; at-- > lowest;)
    if (file.at<std::uint32_t>(at) == end_signature) return at;
  throw DataError(fmt::format(
      "{} is truncated or no zip archive: it has no end record; PyTorch writes zip archives since version "
      "1.6: copy the file again, or save it anew with a newer version",
      file.path.string()));
}

Directory find_directory(const Part& file) {
  const std::size_t end = find_end_record(file);
  Directory directory{file.at<std::uint32_t>(end + 16), file.at<std::uint16_t>(end + 10)};
  const bool has_locator =
      end >= locator_bytes && file.at<std::uint32_t>(end - locator_bytes) == locator_signature;
  if (!has_locator) return directory;
  const auto end64 = file.at<std::uint64_t>(end - locator_bytes + 8);
  const Part record{file.part(end64, end64_bytes), file.path, "zip64 end record"};
  if (record.at<std::uint32_t>(0) != end64_signature)
    throw DataError(
        fmt::format("{}: the zip64 end record is not where its locator says", file.path.string()));
  return {record.at<std::uint64_t>(48), record.at<std::uint64_t>(32)};
}

/// One line of the directory.
struct Listed {
  std::string name;
  std::uint64_t stored_bytes, bytes, local_header;
  std::uint32_t checksum;
  std::uint16_t flags, method;
  std::size_t length;  // of the line itself
};

/// Takes the fields that did not fit 32 bits from the zip64 extra field (id 1), where they stand in this
/// order.
void apply_zip64(Listed& listed, const Part& extra) {
  std::size_t at = 0;
  while (at + 4 <= extra.bytes.size()) {
    const auto id = extra.at<std::uint16_t>(at);
    const std::size_t size = extra.at<std::uint16_t>(at + 2);
    if (id == 1) {
      const Part fields{extra.part(at + 4, size), extra.path,
                        "zip64 extra field of " + printable(listed.name)};
      std::size_t next = 0;
      for (std::uint64_t* field : {&listed.bytes, &listed.stored_bytes, &listed.local_header})
        if (*field == in_zip64) {
          *field = fields.at<std::uint64_t>(next);
          next += 8;
        }
      return;
    }
    at += 4 + size;
  }
}

Listed read_listed(const Part& file, std::uint64_t offset) {
  const Part line{file.part(offset, directory_entry_bytes), file.path, "directory"};
  if (line.at<std::uint32_t>(0) != directory_signature)
    throw DataError(
        fmt::format("{}: the archive's directory is damaged at byte {}", file.path.string(), offset));
  const std::size_t name_bytes = line.at<std::uint16_t>(28), extra_bytes = line.at<std::uint16_t>(30),
                    comment_bytes = line.at<std::uint16_t>(32);
  const Bytes name = file.part(offset + directory_entry_bytes, name_bytes);
  Listed listed{std::string(reinterpret_cast<const char*>(name.data()), name.size()),
                line.at<std::uint32_t>(20),
                line.at<std::uint32_t>(24),
                line.at<std::uint32_t>(42),
                line.at<std::uint32_t>(16),
                line.at<std::uint16_t>(8),
                line.at<std::uint16_t>(10),
                directory_entry_bytes + name_bytes + extra_bytes + comment_bytes};
  apply_zip64(listed, {file.part(offset + directory_entry_bytes + name_bytes, extra_bytes), file.path,
                       "extra field of " + printable(listed.name)});
  return listed;
}

Bytes locate(const Part& file, const Listed& listed) {
  const auto refuse = [&](const char* why) {
    return DataError(
        fmt::format("{}: entry {} {}; save it anew with torch.save, which stores entries as they are",
                    file.path.string(), printable(listed.name), why));
  };
  if (listed.method != 0) throw refuse("is compressed");
  if ((listed.flags & 1) != 0) throw refuse("is encrypted");
  if (listed.bytes != listed.stored_bytes) throw refuse("has two different sizes");
  const Part header{file.part(listed.local_header, local_header_bytes), file.path,
                    "header of " + printable(listed.name)};
  if (header.at<std::uint32_t>(0) != local_signature)
    throw refuse("is not where the archive's directory says");
  const std::uint64_t data =
      listed.local_header + local_header_bytes + header.at<std::uint16_t>(26) + header.at<std::uint16_t>(28);
  return Part{file.bytes, file.path, "entry " + printable(listed.name)}.part(data, listed.bytes);
}

}  // namespace

std::string printable(std::string_view text) {
  constexpr std::size_t most = 120;
  std::string result(text.substr(0, most));
  for (char& c : result)
    if (c < ' ' || c > '~') c = '?';
  return text.size() > most ? result + "..." : result;
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const auto fail = [&] {
    return DataError(fmt::format("cannot read {}: {}", path.string(), std::strerror(errno)));
  };
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status;
  if (!file || ::fstat(file.get(), &status) != 0) throw fail();
  if (!S_ISREG(status.st_mode)) throw DataError(fmt::format("{} is not a file", path.string()));
  const auto size = static_cast<std::size_t>(status.st_size);
  if (size == 0) return;
  void* memory = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (memory == MAP_FAILED) throw fail();
  bytes_ = {static_cast<const std::byte*>(memory), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::byte*>(bytes_.data()), bytes_.size());
}

ZipArchive::ZipArchive(const std::filesystem::path& path) : path_(path), file_(path) {
  const Part file{file_.bytes(), path_, "directory"};
  const Directory directory = find_directory(file);
  std::uint64_t offset = directory.offset;
  for (std::uint64_t i = 0; i < directory.count;
       ++i) {  // each turn reads a line of its own, so a huge count ends soon
    const Listed listed = read_listed(file, offset);
    offset += listed.length;
    if (!entries_.emplace(listed.name, Entry{locate(file, listed), listed.checksum}).second)
      throw DataError(fmt::format("{} has two entries {}", path_.string(), printable(listed.name)));
  }
}

const std::string& ZipArchive::name_ending_with(const std::string& suffix) const {
  const std::string* found = nullptr;
  for (const auto& [name, unused] : entries_) {
    if (!name.ends_with(suffix)) continue;
    if (found != nullptr)
      throw DataError(fmt::format("{} has several entries that end with {}", path_.string(), suffix));
    found = &name;
  }
  if (found == nullptr)
    throw DataError(fmt::format("{} has no entry {}: it is a zip archive, but not one of torch.save",
                                path_.string(), suffix));
  return *found;
}

const ZipArchive::Entry& ZipArchive::entry(const std::string& name) const {
  const auto found = entries_.find(name);
  if (found == entries_.end())
    throw DataError(fmt::format("{} has no entry {}", path_.string(), printable(name)));
  return found->second;
}

std::span<const std::byte> ZipArchive::bytes(const std::string& name) const {
  return entry(name).bytes;
}

std::span<const std::byte> ZipArchive::checked_bytes(const std::string& name) const {
  const Entry& found = entry(name);
  const auto checksum = ::crc32_z(0, reinterpret_cast<const Bytef*>(found.bytes.data()), found.bytes.size());
  if (checksum != found.checksum)
    throw DataError(fmt::format("{}: entry {} is damaged (its CRC-32 differs); copy the file again",
                                path_.string(), printable(name)));
  return found.bytes;
}

}  // namespace gyrus
