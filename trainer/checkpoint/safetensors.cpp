#include "trainer/checkpoint/safetensors.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <span>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "trainer/checkpoint/format.hpp"

namespace gyrus {
namespace {

using nlohmann::json;

const std::vector<std::pair<torch::ScalarType, const char*>> dtype_names = {
    {torch::kFloat32, "F32"}, {torch::kFloat64, "F64"}, {torch::kBFloat16, "BF16"}, {torch::kHalf, "F16"},
    {torch::kInt64, "I64"},   {torch::kInt32, "I32"},   {torch::kUInt8, "U8"},      {torch::kBool, "BOOL"}};

const char* dtype_name(torch::ScalarType type) {
  for (const auto& [known, name] : dtype_names)
    if (known == type) return name;
  require(false, "a tensor of a checkpoint has a type that safetensors knows");
  return "";
}

torch::ScalarType dtype_from(const std::string& name, const std::filesystem::path& file) {
  for (const auto& [type, known] : dtype_names)
    if (name == known) return type;
  throw DataError(fmt::format("{}: unknown tensor type {}", file.string(), name));
}

torch::Tensor on_cpu(const torch::Tensor& tensor) {
  return tensor.detach().to(torch::kCPU).contiguous();
}

std::span<const std::byte> bytes_of(const torch::Tensor& tensor) {
  return {static_cast<const std::byte*>(tensor.data_ptr()), tensor.nbytes()};
}

void read_bytes(int descriptor, void* out, std::size_t size, std::uint64_t offset,
                const std::filesystem::path& file) {
  auto* target = static_cast<char*>(out);
  while (size > 0) {
    const ssize_t got = ::pread(descriptor, target, size, static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw DataError(fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
    if (got == 0) throw DataError(fmt::format("{} is truncated at byte {}", file.string(), offset));
    target += got;
    size -= static_cast<std::size_t>(got);
    offset += static_cast<std::uint64_t>(got);
  }
}

torch::Tensor read_tensor(int descriptor, const std::string& name, const json& entry,
                          std::uint64_t data_begin, std::uint64_t data_bytes,
                          const std::filesystem::path& file) {
  const auto shape = entry.at("shape").get<std::vector<std::int64_t>>();
  const auto range = entry.at("data_offsets").get<std::vector<std::uint64_t>>();
  const auto type = dtype_from(entry.at("dtype").get<std::string>(), file);
  std::uint64_t bytes = torch::elementSize(type);
  for (const auto extent : shape) {
    if (extent < 0 || (extent > 0 && bytes > data_bytes / static_cast<std::uint64_t>(extent)))
      throw DataError(fmt::format("{}: tensor {} claims more bytes than the file has", file.string(), name));
    bytes *= static_cast<std::uint64_t>(extent);
  }
  if (range.size() != 2 || range[0] > range[1] || range[1] > data_bytes || range[1] - range[0] != bytes)
    throw DataError(fmt::format("{}: tensor {} lies outside the file", file.string(), name));
  torch::Tensor tensor = torch::empty(shape, type);
  read_bytes(descriptor, tensor.data_ptr(), bytes, data_begin + range[0], file);
  return tensor;
}

void check_record(const TensorRecord& record, const NamedTensors& tensors,
                  const std::filesystem::path& file) {
  const auto found = tensors.find(record.name);
  if (found == tensors.end()) throw DataError(fmt::format("{} has no tensor {}", file.string(), record.name));
  if (found->second.sizes().vec() != record.shape || tensor_digest(found->second) != record.digest)
    throw DataError(fmt::format("{}: tensor {} is damaged (its digest differs from the manifest)",
                                file.string(), record.name));
}

}  // namespace

std::uint64_t tensor_digest(const torch::Tensor& tensor) {
  return digest64(bytes_of(on_cpu(tensor)));
}

std::uint64_t weights_digest(const NamedTensors& tensors) {
  std::uint64_t digest = 0;
  for (const auto& [name, tensor] : tensors) {
    digest = digest64(
        fmt::format("{} {} {}", name, dtype_name(tensor.scalar_type()), fmt::join(tensor.sizes().vec(), "x")),
        digest);
    digest = digest64(bytes_of(on_cpu(tensor)), digest);
  }
  return digest;
}

std::vector<TensorRecord> write_safetensors(const std::filesystem::path& file, const NamedTensors& tensors) {
  json header = json::object();
  std::uint64_t offset = 0;
  for (const auto& [name, tensor] : tensors) {
    header[name] = {{"dtype", dtype_name(tensor.scalar_type())},
                    {"shape", tensor.sizes().vec()},
                    {"data_offsets", {offset, offset + tensor.nbytes()}}};
    offset += tensor.nbytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // data aligned to 8 bytes
  const std::uint64_t header_bytes = text.size();
  std::vector<TensorRecord> records;
  try {
    const FileDescriptor output(::open(file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666));
    if (!output) throw DataError(fmt::format("cannot write {}: {}", file.string(), std::strerror(errno)));
    write_all(output, std::as_bytes(std::span(&header_bytes, 1)), file);
    write_all(output, std::as_bytes(std::span(text)), file);
    for (const auto& [name, tensor] : tensors) {
      const torch::Tensor value = on_cpu(tensor);
      write_all(output, bytes_of(value), file);
      records.push_back(
          {name, dtype_name(value.scalar_type()), value.sizes().vec(), digest64(bytes_of(value))});
    }
    if (::fsync(output.get()) != 0)
      throw DataError(fmt::format("cannot flush {}: {}", file.string(), std::strerror(errno)));
  } catch (...) {
    ::unlink(file.c_str());
    throw;
  }
  return records;
}

NamedTensors read_safetensors(const std::filesystem::path& file, const std::vector<TensorRecord>& records) {
  const FileDescriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input) throw DataError(fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
  const std::uint64_t file_bytes = std::filesystem::file_size(file);
  std::uint64_t header_bytes = 0;
  read_bytes(input.get(), &header_bytes, sizeof header_bytes, 0, file);
  if (header_bytes > checkpoint_format::largest_header_bytes || header_bytes + 8 > file_bytes)
    throw DataError(fmt::format("{} is not a whole safetensors file: its header claims {} bytes of {}",
                                file.string(), header_bytes, file_bytes));
  std::string text(header_bytes, '\0');
  read_bytes(input.get(), text.data(), text.size(), 8, file);
  NamedTensors tensors;
  try {
    const json header = json::parse(text);
    for (const auto& [name, entry] : header.items()) {
      if (name == "__metadata__") continue;
      tensors[name] =
          read_tensor(input.get(), name, entry, 8 + header_bytes, file_bytes - 8 - header_bytes, file);
    }
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{} has a malformed header: {}", file.string(), problem.what()));
  }
  for (const auto& record : records) check_record(record, tensors, file);
  if (!records.empty() && records.size() != tensors.size())
    throw DataError(fmt::format("{} holds {} tensors, its manifest lists {}", file.string(), tensors.size(),
                                records.size()));
  return tensors;
}

}  // namespace gyrus
