#include "data/prepare/source_digests.hpp"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "data/json_text.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {
namespace {

/// null when the text is not JSON.
nlohmann::json document_of(const std::string& text) {
  try {
    return parse_json(text, SourceDigests::file_name);
  } catch (const DataError&) {
    return nullptr;
  }
}

bool is_entry(const nlohmann::json& entry) {
  return entry.is_array() && entry.size() == 3 && entry[0].is_number_unsigned() &&
         entry[1].is_number_integer() && entry[2].is_number_unsigned();
}

}  // namespace

SourceDigests::SourceDigests(const std::string& earlier) {
  merge(earlier);
}

void SourceDigests::merge(const std::string& json) {
  const auto document = document_of(json);
  if (!document.is_object()) return;
  const std::lock_guard lock(mutex_);
  for (const auto& [file, entry] : document.items()) {
    if (is_entry(entry)) known_[file] = {entry[0], entry[1], entry[2]};
  }
}

bool SourceDigests::is_of_kind(const std::string& text) {
  const auto document = document_of(text);
  return document.is_object() && std::all_of(document.begin(), document.end(), is_entry);
}

std::string SourceDigests::to_json() const {
  const std::lock_guard lock(mutex_);
  auto document = nlohmann::json::object();
  for (const auto& [file, known] : known_) document[file] = {known.bytes, known.changed_ns, known.digest};
  return document.dump();
}

std::uint64_t SourceDigests::of(const std::filesystem::path& file) {
  struct stat status {};
  if (::stat(file.c_str(), &status) != 0)
    throw DataError(errno == ENOENT ? fmt::format("{} does not exist", file.string())
                                    : fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
  if (!S_ISREG(status.st_mode))  // to open a pipe would wait for its other end
    throw DataError(fmt::format("{} is not a file", file.string()));
  Known now{static_cast<std::uint64_t>(status.st_size),
            status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec, 0};
  const std::string name = std::filesystem::absolute(file).lexically_normal().string();
  {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(name);
    if (found != known_.end() && found->second.bytes == now.bytes &&
        found->second.changed_ns == now.changed_ns)
      return found->second.digest;
  }
  now.digest = digest64(read_file(file));
  const std::lock_guard lock(mutex_);
  known_[name] = now;
  return now.digest;
}

}  // namespace gyrus
