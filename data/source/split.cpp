#include "data/source/split.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "launch/error.hpp"
#include "launch/files.hpp"

namespace gyrus {

void draw_sets(const SourceOptions& source, const std::string& wanted_by, std::vector<CohortEntry>& entries) {
  std::set<std::pair<std::uint64_t, std::string>> drawn;  // in an order that the seed mixes
  for (const auto& entry : entries)
    drawn.emplace(digest64(entry.subject, static_cast<std::uint64_t>(source.split_seed)), entry.subject);
  const auto count = [&](double share) {
    const auto rounded = std::llround(share * static_cast<double>(drawn.size()));
    return share > 0.0 ? static_cast<std::size_t>(std::max(1LL, rounded)) : std::size_t{0};
  };
  const bool has_rest = source.test_share + source.val_share < 1.0 - 1e-9;
  const std::size_t num_val = count(source.val_share);
  // Without a rest, rounding must not ask for one subject more or less than there are.
  const std::size_t num_test = has_rest || source.test_share == 0.0 || num_val >= drawn.size()
                                   ? count(source.test_share)
                                   : drawn.size() - num_val;
  if (num_test + num_val + has_rest > drawn.size())
    throw DataError(fmt::format("{}: {} subject{} cannot be divided by val_share={} and test_share={}",
                                wanted_by, drawn.size(), drawn.size() == 1 ? "" : "s", source.val_share,
                                source.test_share));
  std::map<std::string, std::string> set_of;
  std::size_t place = 0;
  for (const auto& [digest, subject] : drawn) {
    if (place < num_test)
      set_of[subject] = source.test_set;
    else if (place < num_test + num_val)
      set_of[subject] = source.val_set;
    ++place;
  }
  for (auto& entry : entries)
    if (const auto found = set_of.find(entry.subject); found != set_of.end()) entry.set = found->second;
}

}  // namespace gyrus
