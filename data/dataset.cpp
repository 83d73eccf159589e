#include "data/dataset.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "data/folds.hpp"
#include "data/options.hpp"
#include "data/shard/format.hpp"
#include "data/shard/manifest.hpp"
#include "data/shard/reader.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

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
};

ShardReader open_shard(const std::filesystem::path& root, const ManifestShard& entry) {
  const auto path = root / entry.file;
  std::error_code error;
  const auto bytes = std::filesystem::file_size(path, error);
  if (error) {
    throw DataError(
        fmt::format("shard {} is missing ({}): run `gyrus prepare` again", path.string(), error.message()));
  }
  if (bytes < entry.bytes) {
    throw DataError(fmt::format("shard {} is truncated: {} of {} bytes; run `gyrus prepare` again",
                                path.string(), bytes, entry.bytes));
  }
  auto shard = ShardReader::open(path);
  std::vector<std::string> ids;
  for (const auto& volume : entry.volumes) {
    ids.push_back(volume.id);
    if (volume.depth != shard.depth() || volume.height != shard.height() || volume.width != shard.width() ||
        volume.brain_pixels.size() != static_cast<std::size_t>(volume.depth)) {
      throw DataError(fmt::format("shard {} and {} disagree about the shape of {}", path.string(),
                                  shard_format::manifest_file, volume.id));
    }
  }
  if (bytes != entry.bytes || ids != shard.ids()) {
    throw DataError(fmt::format("shard {} is not the one that {} lists: run `gyrus prepare` again",
                                path.string(), shard_format::manifest_file));
  }
  return shard;
}

}  // namespace

struct Dataset::State {
  std::filesystem::path root;
  Manifest manifest;
  std::vector<ShardReader> shards;
  std::vector<SetOfVolumes> sets;

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
    if (set == sets.end()) set = sets.insert(set, SetOfVolumes{volume.set, {}, {}});
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
    const auto held_out = subjects_of_fold(dividable, options.folds, options.fold, options.fold_seed);
    const bool val_has_lesions = std::any_of(volumes.begin(), volumes.end(), [](const auto& volume) {
      return volume.set == "val" && volume.label != 0;
    });
    sets.clear();
    for (std::size_t i = 0; i < volumes.size(); ++i) {
      volumes[i].set = set_in_fold(volumes[i], dividable, held_out, val_has_lesions);
      add(volumes[i], places[i]);
    }
  }
};

Dataset::Dataset(std::unique_ptr<State> state) : state_(std::move(state)) {}
Dataset::Dataset(Dataset&&) noexcept = default;
Dataset& Dataset::operator=(Dataset&&) noexcept = default;
Dataset::~Dataset() = default;

Dataset Dataset::open(const std::filesystem::path& root) {
  auto state = std::make_unique<State>();
  state->root = root;
  state->manifest = Manifest::read(root);
  for (const auto& entry : state->manifest.shards) {
    for (std::size_t volume = 0; volume < entry.volumes.size(); ++volume)
      state->add(entry.volumes[volume], {state->shards.size(), static_cast<std::int64_t>(volume)});
    state->shards.push_back(open_shard(root, entry));
    const auto &first = state->shards.front(), &last = state->shards.back();
    if (first.depth() != last.depth() || first.height() != last.height() || first.width() != last.width()) {
      throw DataError(
          fmt::format("shards {} and {} have slices of different shapes; all sets of a data set are prepared "
                      "on one grid: run `gyrus prepare` for the whole of it",
                      first.path().string(), last.path().string()));
    }
  }
  if (state->shards.empty()) throw DataError(fmt::format("data set {} has no volumes", root.string()));
  return Dataset(std::move(state));
}

Dataset Dataset::open(const DataOptions& options) {
  auto dataset = open(std::filesystem::path(options.root));
  const auto& found = dataset.state_->manifest.preparation;
  for (const auto& [name, wanted] : options.preparation()) {
    const auto entry = found.find(name);
    const std::string made_with = entry == found.end() ? "(nothing)" : entry->second;
    if (made_with != wanted) {
      throw ConfigError(
          fmt::format("data.root {} was prepared with data.{}={}, but now it is {}: run `gyrus prepare` with "
                      "the same options, or "
                      "choose another data.root",
                      options.root, name, made_with, wanted));
    }
  }
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
  return state_->shards.front().height();
}
std::int64_t Dataset::width() const {
  return state_->shards.front().width();
}
std::int64_t Dataset::depth() const {
  return state_->shards.front().depth();
}

std::uint64_t Dataset::digest() const {
  std::uint64_t digest = 0;
  for (const auto& shard : state_->manifest.shards) {
    digest = digest64(shard.set + "/" + to_hex(shard.digest), digest);
  }
  return digest;
}

Volume Dataset::read_volume(const std::string& set, std::int64_t index) const {
  const auto& entry = state_->set(set);
  const auto& info = entry.volumes.at(static_cast<std::size_t>(index));
  const Place place = entry.places[static_cast<std::size_t>(index)];
  const auto& shard = state_->shards[place.shard];
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
                .label = info.label,
                .spacing = info.spacing};
  const auto pixels = static_cast<std::size_t>(info.height * info.width);
  volume.image.resize(pixels * info.depth);
  volume.mask.resize(pixels * info.depth);
  volume.lesion.resize(pixels * info.depth);
  for (std::int64_t slice = 0; slice < info.depth; ++slice) {
    shard.read_image(place.volume, slice, &volume.image[slice * pixels]);
    shard.read_labels(ShardReader::Array::mask, place.volume, slice, &volume.mask[slice * pixels]);
    shard.read_labels(ShardReader::Array::lesion, place.volume, slice, &volume.lesion[slice * pixels]);
  }
  return volume;
}

void Dataset::read_slice(const std::string& set, std::int64_t volume_index, std::int64_t slice_index,
                         float* image, std::uint8_t* mask) const {
  const auto& entry = state_->set(set);
  const Place place = entry.places.at(static_cast<std::size_t>(volume_index));
  const auto& shard = state_->shards[place.shard];
  if (image != nullptr) shard.read_image(place.volume, slice_index, image);
  if (mask != nullptr) shard.read_labels(ShardReader::Array::mask, place.volume, slice_index, mask);
}

}  // namespace gyrus
