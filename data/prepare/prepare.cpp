#include "data/prepare/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>

#include "data/dataset.hpp"
#include "data/prepare/make_shards.hpp"
#include "data/shard/format.hpp"
#include "data/shard/quarantine.hpp"
#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/owned_lock.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

constexpr const char* digests_file = "sources.json";
constexpr const char* lock_file = "prepare.lock";
constexpr std::size_t max_failures_named = 20;

/// The manifest that vouches for shards in `root`, if there is a usable one. One of other options is an error
/// of Dataset::open, and stays as it is.
std::optional<Manifest> usable_manifest(const DataOptions& options) {
  const auto file = fs::path(options.root) / shard_format::manifest_file;
  if (!fs::exists(file)) return std::nullopt;
  if (read_file(file).find(shard_format::manifest_format) == std::string::npos)
    throw DataError(fmt::format(
        "{} is not of a Gyrus data set and would be overwritten: choose another data.root, or delete it",
        file.string()));
  try {
    auto manifest = Manifest::read(options.root);
    manifest.check_preparation(options.preparation(), options.root);
    // Shards with slices in quarantine are read to their end again, and made anew where they are damaged.
    for (const auto& slice : read_quarantine(options.root))
      std::erase_if(manifest.shards, [&](const auto& shard) { return shard.file == slice.shard; });
    return manifest;
  } catch (const DataError& problem) {
    log::warning("{}; preparing it again", problem.what());
    return std::nullopt;
  }
}

/// A prepared folder may be moved to a machine without its sources.
bool has_sources(const DataOptions& options) {
  std::error_code ignored;
  return options.kind == "phantom" ||
         std::all_of(options.sources.begin(), options.sources.end(), [&](const auto& name) {
           return fs::is_directory(options.source.at(name).folder, ignored);
         });
}

std::string text_of(const fs::path& file) {
  return fs::exists(file) ? read_file(file) : "";
}

/// @pre every shard was made, but for those left out with all their volumes
Manifest merged(const DataOptions& options, const std::vector<ShardPlan>& plans,
                const std::vector<std::string>& shares) {
  Manifest manifest;
  manifest.name = options.name;
  manifest.preparation = options.preparation();
  for (const auto& source : options.kind == "phantom" ? std::vector<std::string>{} : options.sources)
    manifest.folders[source] = options.source.at(source).folder;
  std::map<std::string, ManifestShard> made;
  for (std::size_t rank = 0; rank < shares.size(); ++rank)
    for (auto& shard : Manifest::parse(shares[rank], fmt::format("share of rank {}", rank)).shards)
      made[shard.file] = std::move(shard);
  for (const auto& plan : plans)
    if (const auto shard = made.find(plan.file); shard != made.end())
      manifest.shards.push_back(std::move(shard->second));
  return manifest;
}

/// Files that an earlier manifest listed and this one does not.
void remove_stale(const fs::path& root, const std::vector<ManifestShard>& earlier, const Manifest& manifest) {
  for (const auto& shard : earlier) {
    const bool is_listed = std::any_of(manifest.shards.begin(), manifest.shards.end(),
                                       [&](const auto& other) { return other.file == shard.file; });
    std::error_code ignored;
    if (!is_listed) fs::remove(root / shard.file, ignored);
  }
}

std::string described(const std::vector<FailedVolume>& failures) {
  std::string text;
  for (std::size_t i = 0; i < std::min(failures.size(), max_failures_named); ++i)
    text += fmt::format("\n  {}: {}", failures[i].id, failures[i].reason);
  if (failures.size() > max_failures_named)
    text += fmt::format("\n  and {} more", failures.size() - max_failures_named);
  return text;
}

/// All ranks' failures, in the order of ranks.
std::vector<FailedVolume> gather(const std::vector<FailedVolume>& mine, const mpi::Communicator& world) {
  auto list = nlohmann::json::array();
  for (const auto& volume : mine) list.push_back({volume.id, volume.reason});
  std::vector<FailedVolume> all;
  for (const auto& text : world.all_gather_text(list.dump()))
    for (const auto& volume : nlohmann::json::parse(text)) all.push_back({volume[0], volume[1]});
  return all;
}

void report(const DataOptions& options, const std::vector<FailedVolume>& failures) {
  if (failures.empty()) return;
  if (options.on_error == "fail")
    throw DataError(
        fmt::format("{} volume{} could not be prepared; the others are done and stay. Mend or unlist the "
                    "files and prepare "
                    "again, or leave them out with data.on_error=skip:{}",
                    failures.size(), failures.size() == 1 ? "" : "s", described(failures)));
  log::warning("{} volume{} left out (data.on_error=skip):{}", failures.size(),
               failures.size() == 1 ? " is" : "s are", described(failures));
}

}  // namespace

bool prepare_dataset(const DataOptions& options, const mpi::Communicator& world) {
  options.validate();
  if (options.kind == "hdf5")
    throw ConfigError(
        "data.kind=hdf5 has nothing to prepare: its files are read as they are; `gyrus shards repack` makes "
        "shards "
        "of them");
  const auto begin = std::chrono::steady_clock::now();
  const fs::path root = options.root;
  std::string listed_text, digests_text;
  std::optional<OwnedLock> lock;  // held by rank 0 to the end
  on_rank_zero(world, [&] {
    const auto manifest = usable_manifest(options);
    listed_text = manifest ? manifest->to_json() : "";
    digests_text = text_of(root / digests_file);
    if (manifest && !has_sources(options)) {
      log::info("{} is complete; its sources are not on this machine, so it is used as it is", options.root);
      listed_text = "as it is";
      return;
    }
    gyrus::create_directories(root);
    lock.emplace(root / lock_file);
    if (!lock->is_ours())
      throw DataError(
          fmt::format("another preparation of {} runs: {}; wait for it, or choose another data.root",
                      root.string(), lock->owner()));
  });
  listed_text = world.broadcast_text(listed_text, 0);
  if (listed_text == "as it is") return false;
  std::vector<ShardPlan> plans;
  on_every_rank(world, [&] { plans = divide_into_shards(options); });
  const auto listed =
      listed_text.empty() ? std::vector<ManifestShard>{} : Manifest::parse(listed_text, options.root).shards;
  SourceDigests digests(world.broadcast_text(digests_text, 0));

  std::vector<const ShardPlan*> mine;
  for (std::size_t i = static_cast<std::size_t>(world.rank()); i < plans.size(); i += world.size())
    mine.push_back(&plans[i]);
  const Topology topology = find_topology(world);
  const int num_threads = std::max(1, topology.cores / topology.ranks_on_these_cores);
  MadeShards made;
  on_every_rank(world, [&] { made = make_shards(options, mine, listed, digests, num_threads); });

  Manifest share;
  share.shards = std::move(made.shards);
  const auto shares = world.all_gather_text(share.to_json());
  const auto counts = world.all_gather_text(std::to_string(made.num_made));
  const auto known = world.all_gather_text(digests.to_json());
  const auto failures = gather(made.failures, world);
  std::int64_t num_made = 0;
  for (const auto& count : counts) num_made += std::stoll(count);
  std::string is_changed = num_made > 0 ? "yes" : "";
  on_rank_zero(world, [&] {
    for (const auto& text : known) digests.merge(text);
    report(options, failures);
    const auto manifest = merged(options, plans, shares);
    if (manifest.shards.empty()) throw DataError(fmt::format("no volume of {} is left", options.name));
    remove_stale(root, listed, manifest);
    write_file_atomically(root / digests_file, digests.to_json());
    if (num_made > 0) write_quarantine(root, {});  // what could not be read was made anew
    if (manifest.to_json() == listed_text) return;
    manifest.write(root);
    is_changed = "yes";
  });
  if (world.broadcast_text(is_changed, 0).empty()) return false;
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  log::info("prepared {} of {} shards in {} in {:.1f} s on {} rank{} of {} thread{}", num_made, plans.size(),
            root.string(), seconds.count(), world.size(), world.size() == 1 ? "" : "s", num_threads,
            num_threads == 1 ? "" : "s");
  return true;
}

int prepare_verb(const std::vector<std::string>& arguments, const CheckConfig& check) {
  CLI::App app("Makes the HDF5 shards of the configured data set; also under mpirun.", "gyrus prepare");
  ConfigArguments config_arguments;
  config_arguments.add_to(app);
  if (!parse_arguments(app, arguments)) return 0;
  mpi::Environment environment;
  const auto world = mpi::Communicator::world();
  log::configure(world.rank(), config_arguments.quiet);
  const Config config = config_arguments.compose();
  check(config);
  DataOptions options;
  config.bind("data", options);
  if (!prepare_dataset(options, world)) {
    log::info("{} is complete and was prepared with these options: nothing to do", options.root);
  }
  if (world.rank() != 0) return 0;
  const auto dataset = Dataset::open(options);
  for (const auto& set : dataset.sets()) {
    log::info("  {}: {} volumes of {} slices, {}x{} pixels", set, dataset.volumes(set).size(),
              dataset.depth(), dataset.height(), dataset.width());
  }
  return 0;
}

}  // namespace gyrus
