#include "data/prepare.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <chrono>
#include <filesystem>
#include <map>

#include "data/dataset.hpp"
#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/writer.hpp"
#include "data/source/cohort.hpp"
#include "launch/agree.hpp"
#include "launch/command_line.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

/// A shard that is to be made: consecutive volumes of one set. The division does not depend on the number of
/// ranks, so neither do the files.
struct ShardPlan {
  std::string file;
  std::string set;
  std::vector<CohortEntry> entries;
};

std::vector<ShardPlan> divide_into_shards(const DataOptions& options) {
  std::vector<ShardPlan> plans;
  std::map<std::string, int> shards_of_set;
  for (auto& entry : list_cohort(options)) {
    const bool continues = !plans.empty() && plans.back().set == entry.set &&
                           static_cast<std::int64_t>(plans.back().entries.size()) < options.shard_volumes;
    if (!continues) {
      plans.push_back({fmt::format("{}-{:05}.h5", entry.set, shards_of_set[entry.set]++), entry.set, {}});
    }
    plans.back().entries.push_back(std::move(entry));
  }
  return plans;
}

std::vector<std::int64_t> count_per_slice(const std::vector<std::uint8_t>& labels, std::int64_t depth) {
  std::vector<std::int64_t> counts(static_cast<std::size_t>(depth), 0);
  const std::size_t pixels = labels.size() / counts.size();
  for (std::size_t i = 0; i < labels.size(); ++i) counts[i / pixels] += labels[i] != 0;
  return counts;
}

VolumeInfo info_of(const Volume& volume) {
  return {.id = volume.id,
          .subject = volume.subject,
          .set = volume.set,
          .age = volume.age,
          .label = volume.label,
          .depth = volume.depth,
          .height = volume.height,
          .width = volume.width,
          .spacing = volume.spacing,
          .brain_pixels = count_per_slice(volume.mask, volume.depth),
          .lesion_pixels = count_per_slice(volume.lesion, volume.depth)};
}

ManifestShard make_shard(const DataOptions& options, const ShardPlan& plan) {
  ShardWriter writer(static_cast<std::int64_t>(plan.entries.size()), options.image_size[2],
                     options.image_size[0], options.image_size[1]);
  ManifestShard shard{.file = plan.file, .set = plan.set, .bytes = 0, .digest = 0, .volumes = {}};
  for (const auto& entry : plan.entries) {
    const auto volume = make_volume(options, entry);
    writer.add(volume);
    shard.volumes.push_back(info_of(volume));
  }
  const auto summary = writer.write(std::filesystem::path(options.root) / plan.file);
  shard.bytes = summary.bytes;
  shard.digest = summary.digest;
  return shard;
}

/// Whether `root` holds these very slices already. A damaged folder is made anew; one of other options is not
/// touched: Dataset::open throws.
bool is_prepared(const DataOptions& options) {
  if (!std::filesystem::exists(std::filesystem::path(options.root) / shard_format::manifest_file))
    return false;
  try {
    Dataset::open(options);
    return true;
  } catch (const DataError& problem) {
    log::warning("{}; preparing it again", problem.what());
    return false;
  }
}

/// Makes the folder ready for new shards. Without its manifest an interrupted one is never taken for
/// complete.
void clear_folder(const std::filesystem::path& root) {
  const auto manifest = root / shard_format::manifest_file;
  if (std::filesystem::exists(manifest) &&
      read_file(manifest).find(shard_format::manifest_format) == std::string::npos) {
    throw DataError(fmt::format(
        "{} is not of a Gyrus data set and would be overwritten: choose another data.root, or delete it",
        manifest.string()));
  }
  gyrus::create_directories(root);
  std::error_code error;
  std::filesystem::remove(manifest, error);
  if (error) throw DataError(fmt::format("cannot write in {}: {}", root.string(), error.message()));
}

/// This rank's share of the shards, every size()-th one.
Manifest make_share(const DataOptions& options, const std::vector<ShardPlan>& plans,
                    const mpi::Communicator& world) {
  Manifest share;
  for (std::size_t i = static_cast<std::size_t>(world.rank()); i < plans.size(); i += world.size()) {
    log::progress(fmt::format("preparing shard {} of {}: {}", i + 1, plans.size(), plans[i].file));
    share.shards.push_back(make_shard(options, plans[i]));
  }
  return share;
}

/// Puts the ranks' shares into the order of the plans and publishes them.
void write_manifest(const DataOptions& options, const std::vector<ShardPlan>& plans,
                    const std::vector<std::string>& shares) {
  Manifest manifest;
  manifest.name = options.name;
  manifest.preparation = options.preparation();
  for (const auto& source : options.kind == "phantom" ? std::vector<std::string>{} : options.sources) {
    manifest.folders[source] = options.source.at(source).folder;
  }
  manifest.shards.resize(plans.size());
  for (std::size_t rank = 0; rank < shares.size(); ++rank) {
    auto share = Manifest::parse(shares[rank], fmt::format("share of rank {}", rank));
    for (std::size_t i = 0; i < share.shards.size(); ++i) {
      manifest.shards.at(rank + i * shares.size()) = std::move(share.shards[i]);
    }
  }
  manifest.write(options.root);
}

}  // namespace

bool prepare_dataset(const DataOptions& options, const mpi::Communicator& world) {
  options.validate();
  const auto begin = std::chrono::steady_clock::now();
  std::string is_there;
  on_rank_zero(world, [&] { is_there = is_prepared(options) ? "yes" : ""; });
  if (!world.broadcast_text(is_there, 0).empty()) return false;

  const std::filesystem::path root = options.root;
  std::vector<ShardPlan> plans;
  on_every_rank(world, [&] {
    plans = divide_into_shards(options);
    if (world.rank() != 0) return;
    clear_folder(root);
    std::size_t num_volumes = 0;
    for (const auto& plan : plans) num_volumes += plan.entries.size();
    log::info("preparing {} volumes as {} shards in {} on {} rank{}", num_volumes, plans.size(),
              root.string(), world.size(), world.size() == 1 ? "" : "s");
  });
  std::string share;
  on_every_rank(world, [&] { share = make_share(options, plans, world).to_json(); });
  const auto shares = world.all_gather_text(share);
  on_rank_zero(world, [&] { write_manifest(options, plans, shares); });
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin;
  log::info("prepared {} in {:.1f} s", root.string(), seconds.count());
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
