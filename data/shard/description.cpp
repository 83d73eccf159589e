#include "data/shard/description.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <numeric>

#include "data/json_text.hpp"
#include "data/storage/h5.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

namespace format = shard_format;
using nlohmann::json;

std::vector<std::int64_t> totals(const h5::File& file, int table, const ShardLayout& layout) {
  const auto counts = file.read<std::uint32_t>(format::tables[table]);
  std::vector<std::int64_t> totals;
  for (auto first = counts.begin(); first != counts.end(); first += layout.depth)
    totals.push_back(std::accumulate(first, first + layout.depth, std::int64_t{0}));
  return totals;
}

/// @param where  for messages, in front of names of tables
void read_volumes(const h5::File& file, const std::string& where, ShardDescription& description) {
  const auto& layout = description.layout;
  const auto count = static_cast<std::size_t>(layout.num_volumes);
  const auto ids = file.read_texts(format::volume_ids), subjects = file.read_texts(format::volume_subjects);
  const auto sources = file.read_texts(format::volume_sources);
  // Shards that were made before sites were kept do not have them.
  const auto sites = file.has(format::volume_sites) ? file.read_texts(format::volume_sites)
                                                    : std::vector<std::string>(count);
  const auto ages = file.read<double>(format::volume_ages);
  const auto labels = file.read<std::int64_t>(format::volume_labels);
  const auto spacings = file.read<double>(format::volume_spacings);
  const auto affines = file.read<double>(format::volume_affines);
  const auto brain = totals(file, format::brain_pixels, layout),
             lesion = totals(file, format::lesion_pixels, layout);
  if (subjects.size() != count || sources.size() != count || sites.size() != count || ages.size() != count ||
      labels.size() != count || spacings.size() != 3 * count || affines.size() != 12 * count)
    throw DataError("its table of volumes is not complete");
  for (std::size_t i = 0; i < count; ++i) {
    VolumeInfo& volume = description.volumes.emplace_back();
    volume.id = ids[i];
    volume.subject = subjects[i];
    volume.set = description.set;
    volume.age = ages[i];
    volume.site = sites[i];
    volume.label = labels[i];
    volume.depth = layout.depth;
    volume.height = layout.height;
    volume.width = layout.width;
    std::copy_n(&spacings[3 * i], 3, volume.spacing.begin());
    volume.brain_voxels = brain[i];
    volume.lesion_voxels = lesion[i];
    Provenance& provenance = description.provenances.emplace_back();
    for (int row = 0; row < 3; ++row)
      std::copy_n(&affines[12 * i + 4 * row], 4, provenance.affine[row].begin());
    provenance.sources =
        parse_json(sources[i], where + format::volume_sources).get<std::map<std::string, std::string>>();
  }
}

}  // namespace

ShardDescription ShardDescription::of_file(const std::filesystem::path& path) {
  ShardDescription description;
  description.layout = ShardLayout::of_file(path);
  const std::lock_guard lock(h5::library_mutex());
  const auto file = h5::File::open(path);
  const std::string where = path.string() + ": ";
  try {
    description.set = file.text_attribute("/", format::set_attribute);
    description.recipe = file.text_attribute("/", format::recipe_attribute);
    description.preparation = parse_json(file.text_attribute("/", format::preparation_attribute),
                                         where + format::preparation_attribute)
                                  .get<std::map<std::string, std::string>>();
    for (const json& volume :
         parse_json(file.text_attribute("/", format::skipped_attribute), where + format::skipped_attribute))
      description.skipped.push_back({volume.at(0), volume.at(1)});
    read_volumes(file, where, description);
  } catch (const json::exception& problem) {
    throw DataError(fmt::format("{} is damaged: {}", path.string(), problem.what()));
  }
  return description;
}

std::string recipe_of_file(const std::filesystem::path& path) {
  if (!std::filesystem::exists(path)) return "";
  try {
    const std::lock_guard lock(h5::library_mutex());
    const auto file = h5::File::open(path);
    const bool is_ours = file.has_attribute("/", format::version_attribute) &&
                         file.attribute<std::int64_t>("/", format::version_attribute) == format::version;
    return is_ours ? file.text_attribute("/", format::recipe_attribute) : "";
  } catch (const DataError&) {
    return "";
  }
}

}  // namespace gyrus
