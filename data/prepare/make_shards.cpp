#include "data/prepare/make_shards.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <mutex>
#include <optional>

#include "data/in_threads.hpp"
#include "data/shard/description.hpp"
#include "data/shard/reader.hpp"
#include "data/shard/verify.hpp"
#include "data/shard/writer.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"
#include "launch/log.hpp"

namespace gyrus {
namespace {

namespace fs = std::filesystem;

/// A shard on its way: volumes come in any order.
struct Job {
  const ShardPlan* plan = nullptr;
  std::string recipe;
  std::optional<ManifestShard> finished;
  std::vector<std::optional<ShardWriter::EncodedVolume>> encoded;
  std::vector<FailedVolume> failures;
  std::int64_t num_left = 0;
  bool was_there = false;
};

/// The shard as its file describes it, when that file is whole.
std::optional<ManifestShard> as_its_file_says(const fs::path& path) {
  try {
    const std::string content = read_file(path);
    const auto description = ShardDescription::of_file(path);
    const bool is_whole = damaged_slices(ShardReader::open(path), description.volumes).empty();
    if (!is_whole) return std::nullopt;
    return list_shard(path, content, description.set, description.layout, description.volumes,
                      description.skipped);
  } catch (const DataError&) {
    return std::nullopt;
  }
}

/// The shard that a manifest lists, when its file can still be read.
std::optional<ManifestShard> still_there(const fs::path& path, const ManifestShard& entry) {
  try {
    if (fs::file_size(path) != entry.bytes) return std::nullopt;
    const ShardReader readable(path, entry.layout);
    return entry;
  } catch (const DataError&) {
    return std::nullopt;
  }
}

/// The shard that is there already, if it was made by this recipe and is stored as wanted.
std::optional<ManifestShard> existing(const fs::path& path, const ShardSettings& settings,
                                      const std::vector<ManifestShard>& listed) {
  if (recipe_of_file(path) != settings.recipe) return std::nullopt;
  const auto entry = std::find_if(listed.begin(), listed.end(),
                                  [&](const auto& shard) { return shard.file == path.filename().string(); });
  const auto found = entry == listed.end() ? as_its_file_says(path) : still_there(path, *entry);
  const bool is_stored_so =
      found && found->layout.codec == settings.codec && found->layout.quantisation == settings.quantisation;
  return is_stored_so ? found : std::nullopt;
}

class Maker {
 public:
  Maker(const DataOptions& options, const std::vector<const ShardPlan*>& plans, SourceDigests& digests,
        int num_threads)
      : options_(options), digests_(digests), num_threads_(num_threads), jobs_(plans.size()) {
    for (std::size_t i = 0; i < plans.size(); ++i) jobs_[i].plan = plans[i];
  }

  MadeShards make(const std::vector<ManifestShard>& listed) {
    in_threads(jobs_.size(), num_threads_, [&](std::size_t i) { look(jobs_[i], listed); });
    for (Job& job : jobs_) {
      if (job.finished) continue;
      job.encoded.resize(job.plan->entries.size());
      job.num_left = static_cast<std::int64_t>(job.encoded.size());
      for (std::size_t entry = 0; entry < job.encoded.size(); ++entry) tasks_.emplace_back(&job, entry);
    }
    in_threads(tasks_.size(), num_threads_,
               [&](std::size_t i) { make_one(*tasks_[i].first, tasks_[i].second); });
    return collect();
  }

 private:
  void look(Job& job, const std::vector<ManifestShard>& listed) {
    job.recipe = recipe_of(options_, *job.plan, digests_);
    job.finished = existing(path_of(job), settings_of(job), listed);
    job.was_there = job.finished.has_value();
    if (job.was_there) job.failures = job.finished->skipped;
  }

  fs::path path_of(const Job& job) const { return fs::path(options_.root) / job.plan->file; }

  ShardSettings settings_of(const Job& job) const {
    ShardSettings settings{.codec = codec_named(options_.codec),
                           .quantisation = {},
                           .preparation = options_.preparation(),
                           .recipe = job.recipe,
                           .skipped = {}};
    if (options_.quantise == "uint16")
      settings.quantisation = options_.clip ? Quantisation::unit_range() : Quantisation::wide_range();
    return settings;
  }

  void make_one(Job& job, std::size_t index) {
    const CohortEntry& entry = job.plan->entries[index];
    std::optional<ShardWriter::EncodedVolume> encoded;
    std::string reason;
    try {
      auto volume = make_volume(options_, entry);
      volume.provenance->sources = sources_of(entry, digests_);
      encoded = ShardWriter(settings_of(job)).encode(std::move(volume));
    } catch (const DataError& problem) {
      reason = problem.what();
    }
    bool is_last = false;
    {
      const std::lock_guard lock(mutex_);
      if (!encoded) job.failures.push_back({entry.id, reason});
      job.encoded[index] = std::move(encoded);
      is_last = --job.num_left == 0;
      ++num_done_;
      show_progress();
    }
    if (is_last) write(job);
  }

  /// Called by the thread that made the last volume: nobody else touches the job any more.
  void write(Job& job) {
    std::sort(job.failures.begin(), job.failures.end(), [](auto& a, auto& b) { return a.id < b.id; });
    const bool is_wanted = job.failures.empty() || options_.on_error == "skip";
    const bool has_volumes = job.failures.size() < job.encoded.size();
    if (is_wanted && has_volumes) {
      auto settings = settings_of(job);
      settings.skipped = job.failures;
      ShardWriter writer(std::move(settings));
      for (auto& encoded : job.encoded)
        if (encoded) writer.add(std::move(*encoded));
      job.finished = writer.write(path_of(job));
    }
    job.encoded = {};
  }

  /// @pre the mutex is held
  void show_progress() {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - begin_;
    const double share = static_cast<double>(num_done_) / static_cast<double>(tasks_.size());
    constexpr int width = 30;
    const int filled = static_cast<int>(share * width);
    log::progress(fmt::format("preparing [{:=<{}}{:<{}}] {} of {} volumes, {:.1f}/s, {:.0f} s left", "",
                              filled, "", width - filled, num_done_, tasks_.size(),
                              static_cast<double>(num_done_) / seconds.count(),
                              seconds.count() * (1.0 / share - 1.0)));
  }

  MadeShards collect() {
    MadeShards made;
    for (Job& job : jobs_) {
      made.num_made += job.finished && !job.was_there;
      made.failures.insert(made.failures.end(), job.failures.begin(), job.failures.end());
      if (job.finished) made.shards.push_back(std::move(*job.finished));
    }
    return made;
  }

  const DataOptions& options_;
  SourceDigests& digests_;
  std::size_t num_threads_;
  std::vector<Job> jobs_;
  std::vector<std::pair<Job*, std::size_t>> tasks_;
  std::mutex mutex_;
  std::size_t num_done_ = 0;
  std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
};

}  // namespace

MadeShards make_shards(const DataOptions& options, const std::vector<const ShardPlan*>& plans,
                       const std::vector<ManifestShard>& listed, SourceDigests& digests, int num_threads) {
  return Maker(options, plans, digests, num_threads).make(listed);
}

}  // namespace gyrus
