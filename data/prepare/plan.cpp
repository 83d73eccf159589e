#include "data/prepare/plan.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "data/shard/format.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {

std::vector<ShardPlan> divide_into_shards(const DataOptions& options) {
  std::vector<ShardPlan> plans;
  std::map<std::string, int> shards_of_set;
  for (auto& entry : list_cohort(options)) {
    const bool continues = !plans.empty() && plans.back().set == entry.set &&
                           static_cast<std::int64_t>(plans.back().entries.size()) < options.shard_volumes;
    if (!continues)
      plans.push_back({fmt::format("{}-{:05}.h5", entry.set, shards_of_set[entry.set]++), entry.set, {}});
    plans.back().entries.push_back(std::move(entry));
  }
  return plans;
}

std::map<std::string, std::string> sources_of(const CohortEntry& entry, SourceDigests& digests) {
  std::map<std::string, std::string> sources;
  for (const auto& [role, file] :
       {std::pair{"image", &entry.image}, {"mask", &entry.mask}, {"lesion", &entry.lesion}})
    if (!file->empty())
      sources[role] = fmt::format("{} xxh3:{}", file->filename().string(), to_hex(digests.of(*file)));
  return sources;
}

std::string recipe_of(const DataOptions& options, const ShardPlan& plan, SourceDigests& digests) {
  auto preparation = options.preparation();
  preparation.erase("quantise");
  nlohmann::json recipe = {
      {"version", shard_format::version}, {"preparation", preparation}, {"volumes", nlohmann::json::array()}};
  if (preparation.contains("match_histogram.reference"))
    recipe["reference"] = digests.of(options.match_histogram.reference);
  if (preparation.contains("register.template"))
    recipe["template"] = digests.of(options.registration.template_file);
  for (const auto& entry : plan.entries) {
    nlohmann::json sources;
    try {
      sources = sources_of(entry, digests);
    } catch (const DataError& problem) {
      sources = problem.what();
    }
    nlohmann::json volume = {{"id", entry.id},       {"subject", entry.subject},
                             {"set", entry.set},     {"age", fmt::format("{}", entry.age)},
                             {"label", entry.label}, {"sources", sources}};
    if (!entry.site.empty()) volume["site"] = entry.site;  // without it, shards of before sites stay good
    recipe["volumes"].push_back(std::move(volume));
  }
  return to_hex(digest64(recipe.dump()));
}

}  // namespace gyrus
