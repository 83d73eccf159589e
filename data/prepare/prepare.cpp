#include "data/prepare/prepare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "data/dataset.hpp"
#include "data/exclusions.hpp"
#include "data/prepare/folder.hpp"
#include "data/prepare/make_shards.hpp"
#include "data/shard/format.hpp"
#include "data/shard/quarantine.hpp"
#include "data/source/steps.hpp"
#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/owned_lock.hpp"
#include "launch/temporary_files.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

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

std::string as_lines(const std::vector<FailedVolume>& failures) {
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
                    failures.size(), failures.size() == 1 ? "" : "s", as_lines(failures)));
  log::warning("{} volume{} left out (data.on_error=skip):{}", failures.size(),
               failures.size() == 1 ? " is" : "s are", as_lines(failures));
}

/// One preparation, in three parts. Each is collective and throws AgreedError.
class Preparation {
 public:
  Preparation(const DataOptions& options, const mpi::Communicator& world)
      : options_(options), root_(options.root), world_(world), topology_(find_topology(world)) {}

  bool run() {
    if (!look()) return false;
    make();
    return publish();
  }

 private:
  /// Finds out what is there already and what there should be, and takes the folder.
  /// @return whether this machine has the sources to go on with
  bool look() {
    on_rank_zero(world_, [&] { find_listed(); });
    listed_text_ = world_.broadcast_text(listed_text_, 0);
    if (listed_text_ == "as it is") return false;
    on_every_rank(world_, [&] {
      plans_ = divide_into_shards(options_);
      if (const auto left_out = describe_exclusions(options_.root); !left_out.empty())
        log::info("{}", left_out);
    });
    if (!listed_text_.empty()) listed_ = Manifest::parse(listed_text_, options_.root).shards;
    std::string digests_text;
    on_rank_zero(world_, [&] {
      refuse_foreign_files(root_, plans_, listed_);
      take_folder();
      digests_text = text_of(root_ / SourceDigests::file_name);
    });
    digests_.merge(world_.broadcast_text(digests_text, 0));
    return true;
  }

  void find_listed() {
    const auto manifest = usable_manifest(options_);
    listed_text_ = manifest ? manifest->to_json() : "";
    if (!manifest) check_steps_are_built(options_);  // else only volumes that have changed need them
    if (!manifest || has_sources(options_)) return;
    log::info("{} is complete; its sources are not on this machine, so it is used as it is", options_.root);
    listed_text_ = "as it is";
  }

  void take_folder() {
    gyrus::create_directories(root_);
    lock_.emplace(root_ / shard_format::lock_file);
    if (!lock_->is_ours())
      throw DataError(
          fmt::format("another preparation of {} runs: {}; wait for it, or choose another data.root",
                      root_.string(), lock_->owner()));
    std::set<std::string> written = {shard_format::manifest_file, SourceDigests::file_name};
    for (const auto& plan : plans_) written.insert(plan.file);
    remove_temporary_files(root_, written);  // of a preparation that was killed
  }

  /// Makes this rank's part of the shards.
  void make() {
    std::vector<const ShardPlan*> mine;
    for (std::size_t i = static_cast<std::size_t>(world_.rank()); i < plans_.size(); i += world_.size())
      mine.push_back(&plans_[i]);
    on_every_rank(world_,
                  [&] { made_ = make_shards(options_, mine, listed_, digests_, topology_.own_cores()); });
  }

  /// Brings the ranks' parts together, and writes the manifest last.
  /// @return whether anything has changed
  bool publish() {
    Manifest share;
    share.shards = std::move(made_.shards);
    const auto shares = world_.all_gather_text(share.to_json());
    const auto counts = world_.all_gather_text(std::to_string(made_.num_made));
    const auto known = world_.all_gather_text(digests_.to_json());
    const auto failures = gather(made_.failures, world_);
    std::int64_t num_made = 0;
    for (const auto& count : counts) num_made += std::stoll(count);
    std::string is_changed = num_made > 0 ? "yes" : "";
    on_rank_zero(world_, [&] {
      for (const auto& text : known) digests_.merge(text);
      report(options_, failures);
      const auto manifest = merged(options_, plans_, shares);
      if (manifest.shards.empty()) throw DataError(fmt::format("no volume of {} is left", options_.name));
      remove_stale(root_, listed_, manifest);
      write_file_atomically(root_ / SourceDigests::file_name, digests_.to_json());
      if (num_made > 0) write_quarantine(root_, {});  // what could not be read was made anew
      if (manifest.to_json() == listed_text_) return;
      manifest.write(root_);
      is_changed = "yes";
    });
    if (world_.broadcast_text(is_changed, 0).empty()) return false;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
    log::info("prepared {} of {} shards in {} in {:.1f} s on {} rank{} of {} thread{}", num_made,
              plans_.size(), root_.string(), seconds.count(), world_.size(), world_.size() == 1 ? "" : "s",
              topology_.own_cores(), topology_.own_cores() == 1 ? "" : "s");
    return true;
  }

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const DataOptions& options_;
  const fs::path root_;
  const mpi::Communicator& world_;
  const Topology topology_;
  std::optional<OwnedLock> lock_;  // held by rank 0 to the end
  std::string listed_text_;        // the manifest that was there, and its shards
  std::vector<ManifestShard> listed_;
  SourceDigests digests_;
  std::vector<ShardPlan> plans_;
  MadeShards made_;
};

}  // namespace

bool prepare_dataset(const DataOptions& options, const mpi::Communicator& world) {
  options.validate();
  if (options.kind == "hdf5")
    throw ConfigError(
        "data.kind=hdf5 has nothing to prepare: its files are read as they are; `gyrus shards repack` makes "
        "shards "
        "of them");
  return Preparation(options, world).run();
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
    const std::size_t count = dataset.volumes(set).size();
    log::info("  {}: {} volume{} of {} slice{}, {}x{} pixels", set, count, count == 1 ? "" : "s",
              dataset.depth(), dataset.depth() == 1 ? "" : "s", dataset.height(), dataset.width());
  }
  return 0;
}

}  // namespace gyrus
