// The zip archive, the pickle in it and the tensors it describes, as one file; and the pickle alone, since a
// changed byte in an archive rarely gets past its checksum.
#include <cstdint>

#include "tests/fuzz/fuzz.hpp"
#include "tests/support/torch_file.hpp"
#include "trainer/checkpoint/pickle.hpp"
#include "trainer/checkpoint/published.hpp"
#include "trainer/checkpoint/zip_archive.hpp"

namespace gyrus::fuzz {
namespace {

using torch_file::small_checkpoint;

/// Reads every byte that a tensor says it has, as the import does.
std::uint64_t touch(const PublishedTensor& tensor) {
  std::uint64_t sum = 0, last = 0;
  for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
    if (tensor.shape[d] == 0) return 0;
    last += static_cast<std::uint64_t>(tensor.shape[d] - 1) * static_cast<std::uint64_t>(tensor.strides[d]);
  }
  const std::uint64_t width = tensor.dtype == "I64" || tensor.dtype == "F64" ? 8
                              : tensor.dtype.ends_with("32")                 ? 4
                                                                             : 1;
  for (std::uint64_t i = 0; i < (last + 1) * width; ++i) sum += static_cast<std::uint64_t>(tensor.values[i]);
  return sum;
}

void parse_file(const std::filesystem::path& path) {
  const PublishedCheckpoint checkpoint = read_published(path);
  std::uint64_t sum = 0;
  for (const auto& [name, tensor] : checkpoint.state) sum += touch(tensor);
  for (const auto& [index, moments] : checkpoint.moments) sum += touch(moments.first) + touch(moments.second);
  [[maybe_unused]] volatile const std::uint64_t is_read =
      sum;  // keeps the compiler from leaving the reads out
  check_values(checkpoint);
}

std::string pickle_of(const std::string& archive) {
  const std::size_t begin = archive.find("\x80\x02}");
  return archive.substr(begin, archive.find("PK", begin) - begin);
}

}  // namespace

Target make_target() {
  const std::string pickle = pickle_of(small_checkpoint());
  const auto as_file = through_file(".ckpt", parse_file);
  return {{small_checkpoint(), small_checkpoint(/*is_large=*/true), pickle,
           pickle_of(torch_file::checkpoint_with_step_at(0))},
          [as_file](const std::string& input) {
            if (input.starts_with("PK")) return as_file(input);
            read_pickle(std::as_bytes(std::span(input)), "data.pkl");
            // The same pickle in an archive whose checksums are right: its tensors are looked for there.
            as_file(torch_file::zip_of({{"archive/data.pkl", input},
                                        {"archive/data/0", std::string(24, '\1')},
                                        {"archive/data/1", std::string(8, '\1')},
                                        {"archive/data/2", std::string(24, '\1')}}));
          }};
}

}  // namespace gyrus::fuzz
