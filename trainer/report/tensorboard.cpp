#include "trainer/report/tensorboard.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstring>

#include "launch/error.hpp"

namespace gyrus {
namespace {

std::array<std::uint32_t, 256> make_crc_table() {
  std::array<std::uint32_t, 256> table;
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? (value >> 1) ^ 0x82F63B78u : value >> 1;
    table[i] = value;
  }
  return table;
}

template <class T>
std::string raw(T value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  while (value >= 0x80) {
    bytes.push_back(static_cast<char>(value | 0x80));
    value >>= 7;
  }
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

// Protobuf wire types: 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes.
std::string field(int number, int wire_type, const std::string& payload) {
  std::string bytes = varint(static_cast<std::uint64_t>(number << 3 | wire_type));
  bytes.append(payload);
  return bytes;
}
std::string bytes_field(int number, const std::string& payload) {
  std::string bytes = varint(payload.size());
  bytes.append(payload);
  return field(number, 2, bytes);
}

std::string masked_crc(const std::string& bytes) {
  const std::uint32_t crc = crc32c(bytes);
  return raw(((crc >> 15) | (crc << 17)) + 0xa282ead8u);
}

double seconds_since_1970() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(const std::string& bytes) {
  static const auto table = make_crc_table();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const unsigned char byte : bytes) crc = table[(crc ^ byte) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

TensorBoardWriter::TensorBoardWriter(const std::filesystem::path& folder) {
  const auto path = folder / fmt::format("events.out.tfevents.{}.gyrus.{}",
                                         static_cast<std::int64_t>(seconds_since_1970()), ::getpid());
  file_.open(path, std::ios::binary);
  if (!file_) throw DataError(fmt::format("cannot write {}: {}", path.string(), std::strerror(errno)));
  write_record(field(1, 1, raw(seconds_since_1970())) + bytes_field(3, "brain.Event:2"));
}

void TensorBoardWriter::write_record(const std::string& event) {
  const std::string length = raw(static_cast<std::uint64_t>(event.size()));
  file_ << length << masked_crc(length) << event << masked_crc(event);
}

void TensorBoardWriter::add_scalar(const std::string& tag, std::int64_t step, double value) {
  const std::string summary_value = bytes_field(1, tag) + field(2, 5, raw(static_cast<float>(value)));
  write_record(field(1, 1, raw(seconds_since_1970())) +
               field(2, 0, varint(static_cast<std::uint64_t>(step))) +
               bytes_field(5, bytes_field(1, summary_value)));
}

}  // namespace gyrus
