#include "trainer/checkpoint/store.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/format.hpp"

namespace gyrus {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;
namespace format = checkpoint_format;

std::string folder_name(std::int64_t step) {
  return fmt::format("{}{:09d}", format::folder_prefix, step);
}

json records_to_json(const fs::path& file, const std::vector<TensorRecord>& records) {
  json tensors = json::array();
  for (const auto& record : records)
    tensors.push_back({{"name", record.name},
                       {"dtype", record.dtype},
                       {"shape", record.shape},
                       {"digest", to_hex(record.digest)}});
  return {{"name", file.filename().string()}, {"bytes", fs::file_size(file)}, {"tensors", tensors}};
}

std::vector<TensorRecord> records_from_json(const json& file) {
  std::vector<TensorRecord> records;
  for (const auto& tensor : file.at("tensors"))
    records.push_back({tensor.at("name"), tensor.at("dtype"),
                       tensor.at("shape").get<std::vector<std::int64_t>>(),
                       std::stoull(tensor.at("digest").get<std::string>(), nullptr, 16)});
  return records;
}

json read_manifest(const fs::path& folder) {
  const fs::path file = folder / format::manifest_file;
  if (!fs::exists(file))
    throw DataError(fmt::format("{} has no {}: not a checkpoint, or one that was never finished",
                                folder.string(), format::manifest_file));
  json outer;
  try {
    outer = json::parse(read_file(file));
    if (outer.at("format") != format::name)
      throw DataError(fmt::format("{} is not a gyrus checkpoint", folder.string()));
    if (outer.at("version") != format::version)
      throw DataError(fmt::format("{} has checkpoint format version {}, this gyrus reads {}", folder.string(),
                                  outer.at("version").dump(), format::version));
    const json& manifest = outer.at("manifest");
    if (outer.at("digest") != to_hex(digest64(manifest.dump())))
      throw DataError(fmt::format("{} is damaged (its own digest differs)", file.string()));
    return manifest;
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{} is malformed: {}", file.string(), problem.what()));
  }
}

void write_manifest(const fs::path& folder, const json& manifest) {
  const json outer = {{"format", format::name},
                      {"version", format::version},
                      {"digest", to_hex(digest64(manifest.dump()))},
                      {"manifest", manifest}};
  write_file_atomically(folder / format::manifest_file, outer.dump(1));
}

NamedTensors read_listed(const fs::path& folder, const json& manifest, const char* name) {
  for (const auto& file : manifest.at("files"))
    if (file.at("name") == name) return read_safetensors(folder / name, records_from_json(file));
  return {};
}

void check_sizes(const fs::path& folder, const json& manifest) {
  for (const auto& file : manifest.at("files")) {
    const fs::path path = folder / file.at("name").get<std::string>();
    std::error_code error;
    const auto bytes = fs::file_size(path, error);
    if (error) throw DataError(fmt::format("{} is missing", path.string()));
    if (bytes != file.at("bytes"))
      throw DataError(fmt::format("{} is truncated: {} bytes instead of {}", path.string(), bytes,
                                  file.at("bytes").dump()));
  }
}

}  // namespace

CheckpointStore::CheckpointStore(fs::path folder) : folder_(std::move(folder)) {}

fs::path CheckpointStore::save(const TrainState& state, bool is_best, std::int64_t keep_last) const {
  gyrus::create_directories(folder_);
  const fs::path target = folder_ / folder_name(state.step);
  const fs::path temporary = target.string() + fmt::format("{}{}", format::unfinished_mark, ::getpid());
  try {
    gyrus::create_directories(temporary);
    json files = json::array();
    const auto write = [&](const char* name, const NamedTensors& tensors) {
      if (!tensors.empty())
        files.push_back(records_to_json(temporary / name, write_safetensors(temporary / name, tensors)));
    };
    write(format::weights_file, state.weights);
    write(format::average_file, state.average);
    write(format::optimizer_file, state.optimizer);
    json manifest = {{"step", state.step},
                     {"samples", state.samples},
                     {"optimizer_steps", state.optimizer_steps},
                     {"weights_digest", to_hex(weights_digest(state.weights))},
                     {"dataset_digest", to_hex(state.dataset_digest)},
                     {"fixed_options", state.fixed_options},
                     {"metrics", state.metrics},
                     {"files", files}};
    if (!state.imported_from.empty()) manifest["imported_from"] = state.imported_from;
    write_manifest(temporary, manifest);
    if (fs::exists(target))
      fs::remove_all(target);  // a damaged one of the same step that the run went back behind
    fs::rename(temporary, target);
    sync_to_disk(folder_);
  } catch (const fs::filesystem_error& problem) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw DataError(fmt::format("cannot write the checkpoint {}: {}", target.string(), problem.what()));
  } catch (...) {
    std::error_code ignored;
    fs::remove_all(temporary, ignored);
    throw;
  }
  write_file_atomically(folder_ / format::latest_file, target.filename().string() + "\n");
  if (is_best) write_file_atomically(folder_ / format::best_file, target.filename().string() + "\n");
  prune(keep_last, target);
  return target;
}

bool CheckpointStore::has(std::int64_t step) const {
  return fs::exists(folder_ / folder_name(step));
}

bool CheckpointStore::had_checkpoints() const {
  return fs::exists(folder_ / format::latest_file);
}

void CheckpointStore::add_metrics(std::int64_t step, const std::map<std::string, double>& metrics,
                                  bool is_best) const {
  const fs::path target = folder_ / folder_name(step);
  json manifest = read_manifest(target);
  manifest["metrics"] = metrics;
  write_manifest(target, manifest);
  if (is_best) write_file_atomically(folder_ / format::best_file, target.filename().string() + "\n");
}

void CheckpointStore::remove_unfinished() const {
  if (!fs::exists(folder_)) return;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(folder_))
    if (entry.path().filename().string().find(format::unfinished_mark) != std::string::npos)
      unfinished.push_back(entry.path());
  for (const auto& path : unfinished) {
    std::error_code error;
    fs::remove_all(path, error);
    if (error) log::warning("cannot remove the unfinished {}: {}", path.string(), error.message());
  }
}

std::optional<fs::path> CheckpointStore::best() const {
  if (!fs::exists(folder_ / format::best_file)) return std::nullopt;
  std::string name = read_file(folder_ / format::best_file);
  name.erase(name.find_last_not_of(" \n") + 1);
  if (name.empty() || !fs::exists(folder_ / name)) return std::nullopt;
  return folder_ / name;
}

void CheckpointStore::prune(std::int64_t keep_last, const fs::path& just_written) const {
  const auto kept_best = best();
  std::vector<fs::path> removable;
  std::int64_t kept = 1;  // the one just written
  for (const auto& info : list(false)) {
    // Damaged ones do not count as kept: the last good one must survive them.
    if (!info.valid || info.folder == just_written || (kept_best && *kept_best == info.folder)) continue;
    removable.push_back(info.folder);
    ++kept;
  }
  for (const auto& folder : removable) {
    if (kept-- <= keep_last) break;
    std::error_code error;
    fs::remove_all(folder, error);
    if (error) log::warning("cannot remove the old checkpoint {}: {}", folder.string(), error.message());
  }
}

std::vector<CheckpointInfo> CheckpointStore::list(bool deep) const {
  std::vector<CheckpointInfo> all;
  if (!fs::exists(folder_)) return all;
  for (const auto& entry : fs::directory_iterator(folder_)) {
    const std::string name = entry.path().filename().string();
    const bool finished =
        name.starts_with(format::folder_prefix) && name.find(format::unfinished_mark) == std::string::npos;
    if (entry.is_directory() && finished) all.push_back(inspect_checkpoint(entry.path(), deep));
  }
  std::ranges::sort(all, {}, [](const auto& info) { return info.folder.filename().string(); });
  return all;
}

CheckpointInfo inspect_checkpoint(const fs::path& folder, bool deep) {
  CheckpointInfo info;
  info.folder = folder;
  try {
    const json manifest = read_manifest(folder);
    info.step = manifest.at("step");
    info.samples = manifest.at("samples");
    info.weights_digest = std::stoull(manifest.at("weights_digest").get<std::string>(), nullptr, 16);
    info.metrics = manifest.at("metrics").get<std::map<std::string, double>>();
    check_sizes(folder, manifest);
    if (deep)
      for (const auto& file : manifest.at("files"))
        read_listed(folder, manifest, file.at("name").get<std::string>().c_str());
    info.valid = true;
  } catch (const Error& problem) {
    info.problem = problem.what();
  } catch (const json::exception& problem) {
    info.problem = problem.what();
  }
  return info;
}

fs::path best_or_newest(const fs::path& path) {
  if (fs::exists(path / format::manifest_file)) return path;
  if (!fs::is_directory(path / "checkpoints"))
    throw DataError(
        fmt::format("{} is neither a checkpoint nor a run folder (it has no {} and no checkpoints/)",
                    path.string(), format::manifest_file));
  const CheckpointStore store(path / "checkpoints");
  if (const auto best = store.best()) return *best;
  log::warning("{} names no best checkpoint; the newest one is taken", path.string());
  const auto all = store.list(false);
  const auto newest = std::find_if(all.rbegin(), all.rend(), [](const auto& info) { return info.valid; });
  if (newest == all.rend()) throw DataError(fmt::format("{} holds no valid checkpoint", path.string()));
  return newest->folder;
}

TrainState read_checkpoint(const fs::path& folder) {
  const json manifest = read_manifest(folder);
  TrainState state;
  try {
    state.step = manifest.at("step");
    state.samples = manifest.at("samples");
    state.optimizer_steps = manifest.at("optimizer_steps");
    if (state.step < 0 || state.samples < 0 || state.optimizer_steps < 0)
      throw DataError(fmt::format("{} has a negative number of steps", folder.string()));
    state.fixed_options = manifest.at("fixed_options").get<std::map<std::string, std::string>>();
    state.metrics = manifest.at("metrics").get<std::map<std::string, double>>();
    state.imported_from = manifest.value("imported_from", "");
    state.dataset_digest = std::stoull(manifest.at("dataset_digest").get<std::string>(), nullptr, 16);
    check_sizes(folder, manifest);
    state.weights = read_listed(folder, manifest, format::weights_file);
    state.average = read_listed(folder, manifest, format::average_file);
    state.optimizer = read_listed(folder, manifest, format::optimizer_file);
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{} has an incomplete manifest: {}", folder.string(), problem.what()));
  }
  return state;
}

}  // namespace gyrus
