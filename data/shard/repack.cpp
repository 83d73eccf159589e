#include "data/shard/repack.hpp"

#include <fmt/format.h>

#include <map>
#include <optional>

#include "data/exclusions.hpp"
#include "data/in_threads.hpp"
#include "data/shard/description.hpp"
#include "data/shard/foreign.hpp"
#include "data/shard/reader.hpp"
#include "data/shard/shard_cache.hpp"
#include "data/shard/verify.hpp"
#include "data/shard/writer.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"
#include "launch/owned_lock.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// A volume of the source.
struct Place {
  std::size_t shard;
  std::int64_t volume;
};

/// A shard of the target.
struct Group {
  std::string file;
  std::vector<Place> places;
};

class Repacker {
 public:
  Repacker(const fs::path& source, const RepackOptions& options)
      : source_(source),
        options_(options),
        manifest_(is_foreign(source) ? describe_foreign(source) : Manifest::read(source)),
        slices_(places_of_shards(), ShardCache::default_bytes, options.num_threads) {
    check_source();
    for (const ManifestShard& shard : manifest_.shards)
      descriptions_.push_back(shard.layout.has_index
                                  ? std::optional(ShardDescription::of_file(source / shard.file))
                                  : std::nullopt);
  }

  Manifest write(const fs::path& target) {
    Manifest result;
    result.name = manifest_.name;
    result.preparation = manifest_.preparation;
    result.folders = manifest_.folders;
    if (quantisation_of(manifest_.shards.front())) result.preparation["quantise"] = "uint16";
    for (const Group& group : groups()) result.shards.push_back(write_group(group, result, target));
    return result;
  }

  /// Takes away what `write` wrote before it failed.
  void remove(const fs::path& target) const {
    std::error_code ignored;
    for (const Group& group : groups()) fs::remove(target / group.file, ignored);
  }

 private:
  std::vector<ShardCache::Shard> places_of_shards() const {
    std::vector<ShardCache::Shard> places;
    for (const ManifestShard& shard : manifest_.shards)
      places.push_back({source_ / shard.file, shard.layout});
    return places;
  }

  void check_source() const {
    std::vector<ManifestShard> ours;
    for (const ManifestShard& shard : manifest_.shards)
      if (shard.layout.has_index) ours.push_back(shard);
    for (const ManifestShard& shard : ours)
      if (shard.layout.quantisation && options_.quantises == false)
        throw ConfigError(fmt::format(
            "--quantise none: {} has its intensities as uint16, and what they have lost does not come "
            "back; leave the option out to keep them so, or prepare with data.quantise=none",
            (source_ / shard.file).string()));
    for (const auto& problems : verify_shards(source_, ours, options_.num_threads))
      if (!problems.empty())
        throw DataError(
            fmt::format("{}; what is damaged is not repacked: `gyrus shards verify {}` names all of it",
                        problems.others.empty() ? problems.slices.front().message() : problems.others.front(),
                        source_.string()));
  }

  std::vector<Group> groups() const {
    std::vector<Group> groups;
    std::map<std::string, int> shards_of_set;
    for (std::size_t shard = 0; shard < manifest_.shards.size(); ++shard) {
      const ManifestShard& source = manifest_.shards[shard];
      for (std::int64_t volume = 0; volume < source.layout.num_volumes; ++volume) {
        if (groups.empty() || !belongs_to(groups.back(), {shard, volume}))
          groups.push_back({fmt::format("{}-{:05}.h5", source.set, shards_of_set[source.set]++), {}});
        groups.back().places.push_back({shard, volume});
      }
    }
    return groups;
  }

  bool belongs_to(const Group& group, const Place& next) const {
    const ManifestShard &last = manifest_.shards[group.places.back().shard],
                        &source = manifest_.shards[next.shard];
    if (options_.shard_volumes == 0 && source.layout.has_index)
      return group.places.back().shard == next.shard;
    const std::int64_t limit = options_.shard_volumes == 0 ? 16 : options_.shard_volumes;
    return last.set == source.set && static_cast<std::int64_t>(group.places.size()) < limit;
  }

  std::optional<Quantisation> quantisation_of(const ManifestShard& shard) const {
    if (shard.layout.has_index && shard.layout.quantisation) return shard.layout.quantisation;
    if (!options_.quantises.value_or(false)) return std::nullopt;
    const auto clip = manifest_.preparation.find("clip");
    const bool is_unclipped = clip != manifest_.preparation.end() && clip->second == "false";
    return is_unclipped ? Quantisation::wide_range() : Quantisation::unit_range();
  }

  ManifestShard write_group(const Group& group, const Manifest& target_manifest,
                            const fs::path& target) const {
    const ManifestShard& first = manifest_.shards[group.places.front().shard];
    ShardSettings settings{.codec = options_.codec,
                           .quantisation = quantisation_of(first),
                           .preparation = target_manifest.preparation};
    const auto& description = descriptions_[group.places.front().shard];
    const bool is_whole_shard = description && first.file == group.file && group.places.front().volume == 0 &&
                                group.places.back().shard == group.places.front().shard &&
                                static_cast<std::int64_t>(group.places.size()) == first.layout.num_volumes;
    if (is_whole_shard) {
      settings.recipe = description->recipe;
      settings.skipped = description->skipped;
    }
    ShardWriter writer(settings);
    std::vector<ShardWriter::EncodedVolume> encoded(group.places.size());
    in_threads(encoded.size(), options_.num_threads,
               [&](std::size_t i) { encoded[i] = writer.encode(read(group.places[i])); });
    for (auto& volume : encoded) writer.add(std::move(volume));
    auto shard = writer.write(target / group.file);
    log::progress(fmt::format("{} written", group.file));
    return shard;
  }

  Volume read(const Place& place) const {
    const VolumeInfo& info = manifest_.shards[place.shard].volumes[static_cast<std::size_t>(place.volume)];
    const auto opened = slices_.get(place.shard);
    const SliceSource& slices = *opened;
    const auto pixels = static_cast<std::size_t>(info.height * info.width);
    Volume volume{.id = info.id,
                  .subject = info.subject,
                  .set = info.set,
                  .depth = info.depth,
                  .height = info.height,
                  .width = info.width,
                  .image = std::vector<float>(pixels * info.depth),
                  .mask = std::vector<std::uint8_t>(pixels * info.depth),
                  .lesion = std::vector<std::uint8_t>(pixels * info.depth),
                  .age = info.age,
                  .site = info.site,
                  .label = info.label,
                  .spacing = info.spacing};
    if (descriptions_[place.shard]) volume.provenance = descriptions_[place.shard]->provenances[place.volume];
    using Array = SliceSource::Array;
    for (std::int64_t slice = 0; slice < info.depth; ++slice) {
      const std::int64_t chunk = place.volume * info.depth + slice;
      const auto check = [&](Array array, const Fault& fault) {
        if (fault)
          throw DataError(fmt::format("{}: {} is damaged: {}", slices.path().string(),
                                      chunk_name(array, info.subject, slice), *fault));
      };
      check(Array::image, slices.read_image(chunk, &volume.image[slice * pixels]));
      check(Array::mask, slices.read_labels(Array::mask, chunk, &volume.mask[slice * pixels]));
      check(Array::lesion, slices.read_labels(Array::lesion, chunk, &volume.lesion[slice * pixels]));
    }
    return volume;
  }

  fs::path source_;
  RepackOptions options_;
  Manifest manifest_;
  mutable ShardCache slices_;  // as many open shards as threads
  std::vector<std::optional<ShardDescription>> descriptions_;
};

/// The lock's file may stay of an earlier call.
void check_is_unused(const fs::path& target) {
  if (!fs::is_directory(target)) return;
  for (const auto& entry : fs::directory_iterator(target))
    if (entry.path().filename() != shard_format::lock_file)
      throw DataError(fmt::format("{} is not empty: name a new folder for the shards", target.string()));
}

}  // namespace

void repack(const fs::path& source, const fs::path& target, const RepackOptions& options) {
  check_is_unused(target);
  Repacker repacker(source, options);
  gyrus::create_directories(target);
  const OwnedLock lock(target / shard_format::lock_file);
  if (!lock.is_ours())
    throw DataError(fmt::format("another job writes shards in {}: {}; wait for it, or name another folder",
                                target.string(), lock.owner()));
  check_is_unused(target);  // another may have filled it meanwhile
  try {
    if (const fs::path exclusions = source / exclusions_file; fs::exists(exclusions))
      write_file_atomically(target / exclusions_file, read_file(exclusions));
    repacker.write(target).write(target);
  } catch (...) {
    std::error_code ignored;
    fs::remove(target / exclusions_file, ignored);
    repacker.remove(target);
    throw;
  }
}

}  // namespace gyrus
