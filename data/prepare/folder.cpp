#include "data/prepare/folder.hpp"

#include <fmt/format.h>

#include <map>
#include <mutex>
#include <optional>

#include "data/prepare/source_digests.hpp"
#include "data/shard/format.hpp"
#include "data/storage/h5.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

enum class Owner { gyrus, another, unknown };

Owner owner_of_shard(const fs::path& path) {
  const std::lock_guard lock(h5::library_mutex());
  std::optional<h5::File> file;
  try {
    file.emplace(h5::File::open(path));
  } catch (const DataError&) {
    return Owner::unknown;
  }
  try {
    const bool is_ours = file->has_attribute("/", shard_format::format_attribute) &&
                         file->text_attribute("/", shard_format::format_attribute) == shard_format::name;
    return is_ours ? Owner::gyrus : Owner::another;
  } catch (const DataError&) {
    return Owner::another;  // an attribute of that name that is no text
  }
}

[[noreturn]] void refuse(const fs::path& path, const char* kind) {
  throw DataError(fmt::format("{} is not {} and would be overwritten: choose another data.root, or delete it",
                              path.string(), kind));
}

}  // namespace

void refuse_foreign_files(const fs::path& root, const std::vector<ShardPlan>& plans,
                          const std::vector<ManifestShard>& listed) {
  const fs::path sources = root / SourceDigests::file_name;
  const bool has_sources = fs::exists(sources);
  if (has_sources && !SourceDigests::is_of_kind(read_file(sources)))
    refuse(sources, "a list of sources by `gyrus prepare`");
  const bool was_here = has_sources || fs::exists(root / shard_format::lock_file) ||
                        fs::exists(root / shard_format::manifest_file);
  std::map<std::string, std::uint64_t> sizes;
  for (const auto& shard : listed) sizes[shard.file] = shard.bytes;
  for (const auto& plan : plans) {
    const fs::path path = root / plan.file;
    if (!fs::exists(path)) continue;
    if (const auto size = sizes.find(plan.file); size != sizes.end() && fs::file_size(path) == size->second)
      continue;
    const Owner owner = owner_of_shard(path);
    if (owner == Owner::another || (owner == Owner::unknown && !was_here)) refuse(path, "a Gyrus shard");
  }
}

}  // namespace gyrus
