#pragma once

#include <zlib.h>

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// Files as torch.save writes them, put together byte by byte: right ones, and wrong ones.
namespace gyrus::torch_file {

template <class T>
std::string little_endian(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

/// A pickle of protocol 2, opcode by opcode.
class PickleWriter {
 public:
  PickleWriter& raw(std::string_view opcodes) {
    bytes_ += opcodes;
    return *this;
  }
  PickleWriter& text(std::string_view value) {
    return raw("X").raw(little_endian(static_cast<std::uint32_t>(value.size()))).raw(value);
  }
  PickleWriter& integer(std::int64_t value) { return raw("\x8a\x08").raw(little_endian(value)); }
  PickleWriter& import(const std::string& module, const std::string& name) {
    return raw("c" + module + "\n" + name + "\n");
  }
  PickleWriter& integers(const std::vector<std::int64_t>& values) {
    raw("(");
    for (const auto value : values) integer(value);
    return raw("t");
  }
  /// @param type  "FloatStorage", ... @param count  values of the storage
  PickleWriter& tensor(const std::string& type, const std::string& key, std::int64_t count,
                       std::int64_t offset, const std::vector<std::int64_t>& shape,
                       const std::vector<std::int64_t>& strides) {
    import("torch._utils", "_rebuild_tensor_v2").raw("((").text("storage").import("torch", type).text(key);
    text("cuda:0").integer(count).raw("tQ").integer(offset).integers(shape).integers(strides).raw("\x89");
    return import("collections", "OrderedDict").raw(")RtR");
  }
  /// The whole pickle. @param protocol  2 for a right one
  std::string finish(char protocol = 2) const { return std::string("\x80") + protocol + bytes_ + "."; }

 private:
  std::string bytes_;
};

struct Entry {
  std::string name, bytes;
  std::uint16_t method = 0;  // 0: stored
};

/// A zip archive of stored entries; zip64 records for every size and place when `is_large`.
inline std::string zip_of(const std::vector<Entry>& entries, bool is_large = false) {
  std::string file, directory;
  const auto put = [](std::string& to, auto... values) { ((to += little_endian(values)), ...); };
  const auto no = std::uint16_t{0};
  for (const auto& [name, bytes, method] : entries) {
    const auto checksum =
        static_cast<std::uint32_t>(::crc32_z(0, reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()));
    const std::uint64_t offset = file.size(), size = bytes.size();
    const auto name_bytes = static_cast<std::uint16_t>(name.size());
    const auto short_size = is_large ? 0xffffffffu : static_cast<std::uint32_t>(size);
    put(file, 0x04034b50u, no, no, method, no, no, checksum, short_size, short_size, name_bytes, no);
    file += name + bytes;
    put(directory, 0x02014b50u, no, no, no, method, no, no, checksum, short_size, short_size, name_bytes,
        std::uint16_t(is_large ? 28 : 0), no, no, no, std::uint32_t{0},
        is_large ? 0xffffffffu : static_cast<std::uint32_t>(offset));
    directory += name;
    if (is_large) put(directory, std::uint16_t{1}, std::uint16_t{24}, size, size, offset);
  }
  const std::uint64_t begin = file.size(), length = directory.size(), count = entries.size();
  file += directory;
  if (is_large) {
    const std::uint64_t end64 = file.size();
    put(file, 0x06064b50u, std::uint64_t{44}, no, no, 0u, 0u, count, count, length, begin);
    put(file, 0x07064b50u, 0u, end64, 1u);
  }
  const auto short_count = is_large ? std::uint16_t{0xffff} : static_cast<std::uint16_t>(count);
  put(file, 0x06054b50u, no, no, short_count, short_count, static_cast<std::uint32_t>(length),
      is_large ? 0xffffffffu : static_cast<std::uint32_t>(begin), no);
  return file;
}

inline std::string values_of(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

/// The optimizer's state of one parameter of [2, 3]. @param write_step  writes the value of "step"
template <class WriteStep>
void write_moments(PickleWriter& p, const WriteStep& write_step) {
  p.text("optimizer_states").raw("]}(").text("state").raw("}").integer(0).raw("}(").text("step");
  write_step();
  p.text("exp_avg").tensor("FloatStorage", "2", 6, 0, {2, 3}, {3, 1});
  p.text("exp_avg_sq").tensor("FloatStorage", "2", 6, 0, {2, 3}, {3, 1});
  p.raw("us").text("param_groups").raw("]ua");
}

/// A checkpoint of nothing but moments of one parameter; their values, 7 to 12, are storage 2.
/// @param write_step  writes the value of "step"
template <class WriteStep>
std::string checkpoint_of_moments(const WriteStep& write_step) {
  PickleWriter p;
  p.raw("}(").text("state_dict").raw("}");
  write_moments(p, [&] { write_step(p); });
  return zip_of(
      {{"archive/data.pkl", p.raw("u").finish()}, {"archive/data/2", values_of({7, 8, 9, 10, 11, 12})}});
}

/// The step is a tensor without dimensions, at `offset` of storage 2.
inline std::string checkpoint_with_step_at(std::int64_t offset) {
  return checkpoint_of_moments([&](PickleWriter& p) { p.tensor("FloatStorage", "2", 6, offset, {}, {}); });
}

/// A small checkpoint in the published layout: two weights that share a storage, a counter, moments, foreign
/// objects.
inline std::string small_checkpoint(bool is_large = false) {
  PickleWriter p;
  p.raw("}q\x01(").text("epoch").integer(3).text("global_step").integer(36).text("state_dict");
  p.import("collections", "OrderedDict").raw(")R(");
  p.text("a.weight").tensor("FloatStorage", "0", 6, 0, {2, 3}, {3, 1});
  p.text("a.transposed").tensor("FloatStorage", "0", 6, 0, {3, 2}, {1, 3});
  p.text("a.num_batches_tracked").tensor("LongStorage", "1", 1, 0, {}, {});
  p.raw("u}").text("_metadata").raw("Nsb");
  write_moments(p, [&] { p.integer(36); });
  p.text("hyper_parameters")
      .raw("}")
      .text("cfg")
      .import("omegaconf.dictconfig", "DictConfig")
      .raw(")\x81}bs");
  p.text("memo")
      .raw("h\x01")
      .text("ratio")
      .raw(std::string("G\x3f\xe0\0\0\0\0\0\0", 9))
      .text("flag")
      .raw("\x88");
  p.text("pair").raw("K\x01M\x02\x01\x86");
  p.raw("u");
  return zip_of({{"archive/data.pkl", p.finish()},
                 {"archive/byteorder", "little"},
                 {"archive/data/0", values_of({1, 2, 3, 4, 5, 6})},
                 {"archive/data/1", little_endian(std::int64_t{36})},
                 {"archive/data/2", values_of({7, 8, 9, 10, 11, 12})},
                 {"archive/version", "3\n"}},
                is_large);
}

}  // namespace gyrus::torch_file
