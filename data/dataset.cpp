#include "data/dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <functional>
#include <limits>
#include <map>
#include <mutex>
#include <tuple>

#include "data/folds.hpp"
#include "data/options.hpp"
#include "data/shard/foreign.hpp"
#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/quarantine.hpp"
#include "data/shard/reader.hpp"
#include "data/shard/shard_cache.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

/// A volume's place: which shard, which volume of it.
struct Place {
  std::size_t shard;
  std::int64_t volume;
};

struct SetOfVolumes {
  std::string name;
  std::vector<VolumeInfo> volumes;
  std::vector<Place> places;
  std::shared_ptr<const SliceCache> cache = nullptr;
};

/// A shard that is missing or cut short ends the job when it begins, not when its first slice is wanted.
/// @throws DataError
void check_file(const std::filesystem::path& path, const ManifestShard& entry) {
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error)
    throw DataError(
        fmt::format("shard {} is missing ({}): run `gyrus prepare` again", path.string(), error.message()));
  if (bytes < entry.bytes)
    throw DataError(fmt::format("shard {} is truncated: {} of {} bytes; run `gyrus prepare` again",
                                path.string(), bytes, entry.bytes));
  if (bytes != entry.bytes)
    throw DataError(fmt::format("shard {} is not the one that {} lists: run `gyrus prepare` again",
                                path.string(), shard_format::manifest_file));
}

void check_one_shape(const std::filesystem::path& root, const ManifestShard& a, const ManifestShard& b) {
  if (a.layout.depth == b.layout.depth && a.layout.height == b.layout.height &&
      a.layout.width == b.layout.width)
    return;
  throw DataError(
      fmt::format("shards {} and {} have slices of different shapes; all sets of a data set are prepared "
                  "on one grid: run `gyrus prepare` for the whole of it",
                  (root / a.file).string(), (root / b.file).string()));
}

/// Whether slices of the shard are in quarantine.
bool is_in_quarantine(const std::filesystem::path& root, const std::string& shard) {
  const auto slices = read_quarantine(root);
  return std::any_of(slices.begin(), slices.end(), [&](const auto& slice) { return slice.shard == shard; });
}

std::vector<ShardCache::Shard> check_shards(const std::filesystem::path& root,
                                            const std::vector<ManifestShard>& entries,
                                            bool tolerates_faults) {
  if (entries.empty()) throw DataError(fmt::format("data set {} has no volumes", root.string()));
  std::vector<ShardCache::Shard> shards;
  for (const auto& entry : entries) {
    const auto file = root / entry.file;
    try {
      check_file(file, entry);
    } catch (const DataError& problem) {
      if (!tolerates_faults && !is_in_quarantine(root, entry.file)) throw;
      log::warning("{}", problem.what());
    }
    check_one_shape(root, entries.front(), entry);
    shards.push_back({file, entry.layout});
  }
  return shards;
}

/// Of our shards, or made up from the HDF5 files of another program.
Manifest read_manifest(const std::filesystem::path& root) {
  if (!is_foreign(root)) return Manifest::read(root);
  log::warning_once(
      "{} has HDF5 files and no {}: they are read through the HDF5 library, in one thread at a time and "
      "without "
      "digests, several times slower than shards; `gyrus shards repack {} NEW_FOLDER` makes shards of them",
      root.string(), shard_format::manifest_file, root.string());
  return describe_foreign(root);
}

}  // namespace

struct Dataset::State {
  State(std::filesystem::path root_, bool tolerates_faults_)
      : root(std::move(root_)),
        tolerates_faults(tolerates_faults_),
        manifest(read_manifest(root)),
        shards(check_shards(root, manifest.shards, tolerates_faults), ShardCache::default_bytes,
               ShardCache::default_open()) {
    for (std::size_t shard = 0; shard < manifest.shards.size(); ++shard) {
      auto& volumes = manifest.shards[shard].volumes;
      for (std::size_t i = 0; i < volumes.size(); ++i)
        add(std::move(volumes[i]), {shard, static_cast<std::int64_t>(i)});
      volumes.clear();
    }
    list_quarantine();
  }

  /// Entries of shards that are not there any more count for nothing.
  void list_quarantine() {
    for (const auto& entry : read_quarantine(root)) {
      const auto shard = std::find_if(manifest.shards.begin(), manifest.shards.end(),
                                      [&](const auto& listed) { return listed.file == entry.shard; });
      if (shard == manifest.shards.end()) continue;
      const auto position = static_cast<std::size_t>(shard - manifest.shards.begin());
      quarantine[{position, entry.volume * shard->layout.depth + entry.slice}] = entry.reason;
    }
  }

  std::filesystem::path root;
  bool tolerates_faults;
  Manifest manifest;  // its volumes are in `sets`
  mutable ShardCache shards;
  std::vector<SetOfVolumes> sets;
  std::map<std::pair<std::size_t, std::int64_t>, std::string> quarantine;  // (shard, its slice) -> why
  mutable std::map<std::tuple<std::size_t, SliceSource::Array, std::int64_t>, std::string> damaged;
  mutable std::mutex damaged_mutex;
  mutable std::atomic<bool> has_damaged = false;

  const SetOfVolumes& set(const std::string& name) const {
    const auto found =
        std::find_if(sets.begin(), sets.end(), [&](const auto& entry) { return entry.name == name; });
    if (found != sets.end()) return *found;
    std::vector<std::string> names;
    for (const auto& entry : sets) names.push_back(entry.name);
    throw ConfigError(
        fmt::format("data set {} has no set '{}'; it has: {}", root.string(), name, fmt::join(names, ", ")));
  }

  void add(VolumeInfo volume, Place place) {
    auto set = std::find_if(sets.begin(), sets.end(), [&](const auto& s) { return s.name == volume.set; });
    if (set == sets.end()) set = sets.insert(set, SetOfVolumes{volume.set, {}, {}, {}});
    set->volumes.push_back(std::move(volume));
    set->places.push_back(place);
  }

  void divide_into_folds(const DataOptions& options) {
    std::vector<VolumeInfo> volumes;
    std::vector<Place> places;
    for (const auto& set : sets) {
      volumes.insert(volumes.end(), set.volumes.begin(), set.volumes.end());
      places.insert(places.end(), set.places.begin(), set.places.end());
    }
    const auto dividable = dividable_subjects(volumes);
    const auto held_out =
        subjects_of_fold(dividable, {options.folds, options.fold, options.fold_seed, options.fold_strata});
    const bool val_has_lesions = std::any_of(volumes.begin(), volumes.end(), [](const auto& volume) {
      return volume.set == "val" && volume.label != 0;
    });
    sets.clear();
    for (std::size_t i = 0; i < volumes.size(); ++i) {
      volumes[i].set = set_in_fold(volumes[i], dividable, held_out, val_has_lesions);
      add(volumes[i], places[i]);
    }
  }

  /// Reads one slice of a volume's array by `read`, and says what is wrong by the names that people know.
  void read(const Place& place, const VolumeInfo& volume, SliceSource::Array array, std::int64_t slice,
            const std::function<Fault(const SliceSource&, std::int64_t chunk)>& read_chunk) const {
    const std::int64_t chunk = place.volume * volume.depth + slice;
    check_not_damaged(place.shard, array, chunk);
    if (!quarantine.empty())
      if (const auto found = quarantine.find({place.shard, chunk}); found != quarantine.end())
        throw QuarantinedError(fmt::format("{}: {} is in quarantine ({}); run `gyrus prepare` again",
                                           (root / manifest.shards[place.shard].file).string(),
                                           chunk_name(array, volume.subject, slice), found->second));
    if (!read_chunk(*opened(place.shard), chunk)) return;
    leave_copy(place.shard);
    const auto again = opened(place.shard);
    if (const Fault fault = read_chunk(*again, chunk)) {
      const auto problem =
          fmt::format("{}: {} is damaged: {}; delete this file and run `gyrus prepare` again",
                      again->path().string(), chunk_name(array, volume.subject, slice), *fault);
      const std::lock_guard lock(damaged_mutex);
      damaged[{place.shard, array, chunk}] = problem;
      has_damaged = true;
      throw DataError(problem);
    }
  }
  /// Opens the shard anew; of a damaged copy on the node's disk, which is removed so that the next job copies
  /// it again, the shard itself.
  /// @return whether it was a copy
  bool leave_copy(std::size_t shard) const {
    const auto original = root / manifest.shards[shard].file;
    const auto left = shards.move_to(shard, original);
    if (left == original) return false;
    std::error_code ignored;  // another rank may have removed it
    std::filesystem::remove(left, ignored);
    log::warning("the copy {} is damaged: it is removed, and {} is read", left.string(), original.string());
    return true;
  }
  /// The open shard; of a copy that cannot be opened, the shard itself. @throws DataError
  std::shared_ptr<const SliceSource> opened(std::size_t shard) const {
    try {
      return shards.get(shard);
    } catch (const DataError&) {
      if (!leave_copy(shard)) throw;
      return shards.get(shard);
    }
  }
  /// A chunk that failed twice is not asked for again in this process: a failing disk takes seconds to say
  /// no.
  void check_not_damaged(std::size_t shard, SliceSource::Array array, std::int64_t chunk) const {
    if (!has_damaged) return;
    const std::lock_guard lock(damaged_mutex);
    if (const auto found = damaged.find({shard, array, chunk}); found != damaged.end())
      throw DataError(found->second);
  }
  /// Of every slice of a shard. One that cannot be read, where that is tolerated, counts as full of brain, so
  /// that its slices are wanted, missed, and substituted like any others.
  std::vector<std::uint32_t> brain_pixels_of(std::size_t shard) const {
    try {
      return opened(shard)->pixel_counts(shard_format::brain_pixels);
    } catch (const DataError& problem) {
      if (!tolerates_faults) throw;
      log::warning("{}; all of its slices are taken for usable", problem.what());
      const auto& layout = manifest.shards[shard].layout;
      return std::vector<std::uint32_t>(static_cast<std::size_t>(layout.num_slices()),
                                        static_cast<std::uint32_t>(layout.height * layout.width));
    }
  }
  void read_image(const Place& place, const VolumeInfo& volume, std::int64_t slice, float* values) const {
    read(place, volume, SliceSource::Array::image, slice,
         [&](const SliceSource& shard, std::int64_t chunk) { return shard.read_image(chunk, values); });
  }
  void read_labels(const Place& place, const VolumeInfo& volume, SliceSource::Array array, std::int64_t slice,
                   std::uint8_t* values) const {
    read(place, volume, array, slice, [&](const SliceSource& shard, std::int64_t chunk) {
      return shard.read_labels(array, chunk, values);
    });
  }
};

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& root) {
  return Dataset(std::make_unique<State>(root, false));
}

Dataset Dataset::open(const DataOptions& options) {
  Dataset dataset(std::make_unique<State>(options.root, options.faults == "substitute"));
  dataset.state_->manifest.check_preparation(options.preparation(), options.root);
  if (options.folds > 1) dataset.state_->divide_into_folds(options);
  return dataset;
}

const std::filesystem::path& Dataset::root() const {
  return state_->root;
}

std::vector<std::string> Dataset::sets() const {
  std::vector<std::string> names;
  for (const auto& entry : state_->sets) names.push_back(entry.name);
  return names;
}

const std::vector<VolumeInfo>& Dataset::volumes(const std::string& set) const {
  return state_->set(set).volumes;
}

std::int64_t Dataset::height() const {
  return state_->manifest.shards.front().layout.height;
}
std::int64_t Dataset::width() const {
  return state_->manifest.shards.front().layout.width;
}
std::int64_t Dataset::depth() const {
  return state_->manifest.shards.front().layout.depth;
}

const std::vector<ManifestShard>& Dataset::shards() const {
  return state_->manifest.shards;
}

void Dataset::read_copies(const std::filesystem::path& folder) {
  for (std::size_t shard = 0; shard < shards().size(); ++shard) {
    const auto copy = folder / shards()[shard].file;
    if (std::filesystem::exists(copy)) state_->shards.move_to(shard, copy);
  }
}

void Dataset::read_through(const std::string& set, std::shared_ptr<const SliceCache> cache) {
  const auto& entry = state_->set(set);
  if (cache->num_missing() > 0)
    log::warning(
        "{} slices of {} are not in the cache: slices of their volumes could not be read, or are in "
        "quarantine",
        cache->num_missing(), set);
  state_->sets[static_cast<std::size_t>(&entry - state_->sets.data())].cache = std::move(cache);
}

std::uint64_t Dataset::digest() const {
  std::uint64_t digest = 0;
  for (const auto& shard : state_->manifest.shards) {
    digest = digest64(shard.set + "/" + to_hex(shard.digest), digest);
  }
  return digest;
}

std::vector<std::uint32_t> Dataset::brain_pixels(const std::string& set) const {
  const auto& entry = state_->set(set);
  const auto depth = this->depth();
  std::vector<std::uint32_t> pixels;
  pixels.reserve(entry.places.size() * static_cast<std::size_t>(depth));
  std::size_t opened = std::numeric_limits<std::size_t>::max();
  std::vector<std::uint32_t> of_shard;
  for (const Place& place : entry.places) {
    if (place.shard != opened) {
      of_shard = state_->brain_pixels_of(place.shard);
      opened = place.shard;
    }
    const auto first = of_shard.begin() + place.volume * depth;
    pixels.insert(pixels.end(), first, first + depth);
  }
  return pixels;
}

Volume Dataset::read_volume(const std::string& set, std::int64_t index) const {
  const auto& entry = state_->set(set);
  const auto& info = entry.volumes.at(static_cast<std::size_t>(index));
  const Place place = entry.places[static_cast<std::size_t>(index)];
  Volume volume{.id = info.id,
                .subject = info.subject,
                .set = set,
                .depth = info.depth,
                .height = info.height,
                .width = info.width,
                .image = {},
                .mask = {},
                .lesion = {},
                .age = info.age,
                .site = info.site,
                .label = info.label,
                .spacing = info.spacing};
  const auto pixels = static_cast<std::size_t>(info.height * info.width);
  volume.image.resize(pixels * info.depth);
  volume.mask.resize(pixels * info.depth);
  volume.lesion.resize(pixels * info.depth);
  using Array = SliceSource::Array;
  for (std::int64_t slice = 0; slice < info.depth; ++slice) {
    const std::size_t first = slice * pixels;
    state_->read_image(place, info, slice, &volume.image[first]);
    state_->read_labels(place, info, Array::mask, slice, &volume.mask[first]);
    state_->read_labels(place, info, Array::lesion, slice, &volume.lesion[first]);
  }
  return volume;
}

void Dataset::read_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index,
                         float* image, std::uint8_t* mask) const {
  const auto& entry = state_->set(set);
  const auto& info = entry.volumes.at(static_cast<std::size_t>(volume_index));
  if (entry.cache && entry.cache->read(volume_index, slice_index, image, mask)) return;
  const Place place = entry.places[static_cast<std::size_t>(volume_index)];
  if (image != nullptr) state_->read_image(place, info, slice_index, image);
  if (mask != nullptr) state_->read_labels(place, info, SliceSource::Array::mask, slice_index, mask);
}

void Dataset::will_need(const std::string& set, std::int64_t volume_index, std::int64_t slice_index) const {
  const auto& entry = state_->set(set);
  if (entry.cache && entry.cache->has(volume_index, slice_index, true)) return;
  const Place place = entry.places[static_cast<std::size_t>(volume_index)];
  try {
    const auto shard = state_->opened(place.shard);
    for (const auto array : {SliceSource::Array::image, SliceSource::Array::mask})
      shard->will_need(array, place.volume * depth() + slice_index);
  } catch (const DataError&) {
    return;  // said when the slice is read
  }
}

void Dataset::check_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index,
                          bool with_mask) const {
  const auto& entry = state_->set(set);
  if (entry.cache && entry.cache->has(volume_index, slice_index, with_mask)) return;
  std::vector<float> image(static_cast<std::size_t>(height() * width()));
  std::vector<std::uint8_t> mask(image.size());
  read_slice(set, volume_index, slice_index, image.data(), with_mask ? mask.data() : nullptr);
  const auto& subject = entry.volumes[static_cast<std::size_t>(volume_index)].subject;
  throw DataError(fmt::format("{}: {} could not be read when this job began, and can be now: start again",
                              state_->root.string(),
                              chunk_name(SliceSource::Array::image, subject, slice_index)));
}

}  // namespace gyrus
