#include "data/loader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>

#include "data/augment/augment.hpp"
#include "data/augment/operators.hpp"
#include "launch/error.hpp"
#include "launch/topology.hpp"

namespace gyrus {
namespace {

using RangeOfStep = std::function<std::pair<std::uint64_t, std::uint64_t>(std::uint64_t)>;
using Complete = std::function<void(Batch&)>;

constexpr std::uint64_t max_substitutes = 8;  // after so many in a row the data set as a whole is broken

/// How many threads a loader begins with, and may come to have when the training waits for slices.
struct NumThreads {
  std::int64_t at_first = 1, at_most = 1;
};

NumThreads num_threads_of(const DataOptions& options) {
  if (options.loader_threads > 0) return {options.loader_threads, options.loader_threads};
  const std::int64_t cores = usable_cores();
  // Reading is cheap beside training, and the cores belong to the training step.
  const std::int64_t at_first = std::clamp<std::int64_t>(cores / 4, 1, 4);
  return {at_first, std::max(at_first, cores)};
}

/// Decides from how often the training waited whether the loader needs another thread.
class WaitRate {
 public:
  /// @param waited  for the batch of the next step @return whether another thread is worth a try
  bool add(bool waited) {
    if (waited) ++num_waits_;
    if (++num_steps_ < window) return false;
    const bool is_first = std::exchange(is_first_, false);
    const bool often = num_waits_ * max_share > window;
    num_steps_ = num_waits_ = 0;
    return often && !is_first;  // the first steps wait for files and caches that are still cold
  }

 private:
  static constexpr int window = 16;    // steps
  static constexpr int max_share = 8;  // one wait in so many is nothing
  int num_steps_ = 0, num_waits_ = 0;
  bool is_first_ = true;
};

/// A finished step: its batch, or why there is none.
struct Outcome {
  Batch batch;
  std::vector<Substitution> substitutions;
  std::exception_ptr error;
};

/// What one call of `start` asked for. Workers hold it while they make a batch, so a later `start` needs no
/// waiting.
struct Plan {
  std::uint64_t next_to_make = 0;
  std::uint64_t next_to_deliver = 0;
  std::uint64_t end = 0;
  RangeOfStep range_of_step;
  Complete complete;
  std::map<std::uint64_t, Outcome> finished;
};

}  // namespace

struct Loader::State {
  State(std::shared_ptr<const Dataset> dataset_, std::string set_, SampleOrder order_,
        const DataOptions& options, std::uint64_t seed_, Pixels pixels_)
      : dataset(std::move(dataset_)),
        set(std::move(set_)),
        order(std::move(order_)),
        augment(options.augment),
        substitutes_faults(options.faults == "substitute"),
        seed(seed_),
        pixels(pixels_),
        fixed_prefetch(static_cast<std::uint64_t>(options.prefetch_batches)),
        num_threads(num_threads_of(options)) {}
  ~State() {
    {
      const std::lock_guard lock(mutex);
      stopping = true;
    }
    room.notify_all();
    workers.clear();  // joins
  }

  std::shared_ptr<const Dataset> dataset;
  std::string set;
  SampleOrder order;
  AugmentOptions augment;
  bool substitutes_faults;
  std::uint64_t seed;
  Pixels pixels;
  std::uint64_t fixed_prefetch;  // 0: follows the number of threads
  NumThreads num_threads;
  WaitRate wait_rate;

  std::mutex mutex;
  std::condition_variable room;   // a worker may begin another batch
  std::condition_variable ready;  // a batch is finished
  std::shared_ptr<Plan> plan = std::make_shared<Plan>();
  bool stopping = false;
  std::chrono::duration<double> waited{0.0};
  std::vector<Substitution> substitutions;  // of delivered batches
  std::vector<std::jthread> workers;

  std::uint64_t prefetch() const { return fixed_prefetch > 0 ? fixed_prefetch : workers.size() + 2; }
  bool may_begin() const {
    return plan->next_to_make < plan->end && plan->next_to_make < plan->next_to_deliver + prefetch();
  }
  /// @pre the mutex is held. @return why it cannot be started; "" when it is
  std::string add_worker() {
    try {
      workers.emplace_back([this] { work(); });
    } catch (const std::system_error& problem) {
      return problem.what();
    }
    return "";
  }
  void make_batch(std::pair<std::uint64_t, std::uint64_t> range, Outcome& outcome) const;
  void read_sample(const Sample& sample, float* image, std::uint8_t* mask) const;
  void check_sample(const Sample& sample) const;
  std::optional<Substitution> read_or_substitute(Sample& sample, float* image, std::uint8_t* mask) const;
  void work();
};

void Loader::State::read_sample(const Sample& sample, float* image, std::uint8_t* mask) const {
  if (augment.is_off()) {
    dataset->read_slice(set, sample.volume, sample.slice, image, mask);
    return;
  }
  const auto& info = dataset->volumes(set)[sample.volume];
  const auto augmentation = draw_augmentation(augment, seed, sample, info);
  const SliceShape shape{info.depth, info.height, info.width};
  dataset->read_slice(set, sample.volume, sample.slice, augmentation.changes_intensities() ? nullptr : image,
                      mask);
  if (augmentation.changes_intensities())
    augment_slice(
        augmentation, shape, sample.slice,
        [&](std::int64_t slice, float* values) {
          dataset->read_slice(set, sample.volume, slice, values, nullptr);
        },
        image);
  transform_slice(augmentation, shape, image, mask);
}

/// @throws what read_sample would
void Loader::State::check_sample(const Sample& sample) const {
  const auto& info = dataset->volumes(set)[sample.volume];
  dataset->check_slice(set, sample.volume, sample.slice, true);
  if (augment.is_off()) return;
  const auto augmentation = draw_augmentation(augment, seed, sample, info);
  const auto weights = source_weights(augmentation, sample.slice, info.depth);
  for (std::int64_t slice = 0; slice < info.depth; ++slice)
    if (weights[static_cast<std::size_t>(slice)] != 0.0)
      dataset->check_slice(set, sample.volume, slice, false);
}

/// @param sample  becomes the one that was read
std::optional<Substitution> Loader::State::read_or_substitute(Sample& sample, float* image,
                                                              std::uint8_t* mask) const {
  const Sample wanted = sample;
  std::optional<Substitution> substitution;
  for (std::uint64_t attempt = 0;; ++attempt) {
    try {
      if (pixels == Pixels::read)
        read_sample(sample, image, mask);
      else
        check_sample(sample);
      if (substitution) substitution->shown = sample;
      return substitution;
    } catch (const DataError& problem) {
      const bool may_substitute =
          substitutes_faults || dynamic_cast<const QuarantinedError*>(&problem) != nullptr;
      if (!may_substitute || attempt == max_substitutes) throw;
      if (!substitution) substitution = Substitution{wanted, {}, problem.what()};
    }
    sample = order.substitute(wanted, attempt);
  }
}

void Loader::State::make_batch(std::pair<std::uint64_t, std::uint64_t> range, Outcome& outcome) const {
  Batch& batch = outcome.batch;
  batch.height = dataset->height();
  batch.width = dataset->width();
  for (std::uint64_t index = range.first; index < range.second; ++index)
    batch.samples.push_back(order.at(index));
  const auto slice_pixels = static_cast<std::size_t>(batch.height * batch.width);
  const std::size_t step = pixels == Pixels::read ? slice_pixels : 0;
  batch.images.resize(batch.samples.size() * step);
  batch.masks.resize(batch.samples.size() * step);
  if (pixels == Pixels::read)
    for (const Sample& sample : batch.samples) dataset->will_need(set, sample.volume, sample.slice);
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    auto substitution =
        read_or_substitute(batch.samples[i], batch.images.data() + i * step, batch.masks.data() + i * step);
    if (substitution) outcome.substitutions.push_back(std::move(*substitution));
  }
}

void Loader::State::work() {
  std::unique_lock lock(mutex);
  while (true) {
    room.wait(lock, [&] { return stopping || may_begin(); });
    if (stopping) return;
    const auto mine = plan;
    const std::uint64_t step = mine->next_to_make++;
    lock.unlock();
    Outcome outcome;
    try {
      make_batch(mine->range_of_step(step), outcome);
      if (mine->complete) mine->complete(outcome.batch);
    } catch (...) {
      outcome.error = std::current_exception();
    }
    lock.lock();
    mine->finished.emplace(step, std::move(outcome));
    ready.notify_all();
  }
}

Loader::Loader(std::shared_ptr<const Dataset> dataset, std::string set, SampleOrder order,
               const DataOptions& options, std::uint64_t seed, Pixels pixels)
    : state_(std::make_unique<State>(std::move(dataset), std::move(set), std::move(order), options, seed,
                                     pixels)) {
  const std::lock_guard lock(state_->mutex);
  for (std::int64_t i = 0; i < state_->num_threads.at_first; ++i)
    if (const auto problem = state_->add_worker(); !problem.empty())
      throw Error(ExitCode::configuration,
                  fmt::format("data.loader_threads: {} of {} threads were started, then: {}", i,
                              state_->num_threads.at_first, problem));
}

Loader::~Loader() = default;

void Loader::start(std::uint64_t first_step, std::uint64_t num_steps, RangeOfStep range_of_step,
                   Complete complete) {
  auto plan = std::make_shared<Plan>();
  plan->next_to_make = plan->next_to_deliver = first_step;
  plan->end = first_step + num_steps;
  plan->range_of_step = std::move(range_of_step);
  plan->complete = std::move(complete);
  {
    const std::lock_guard lock(state_->mutex);
    state_->plan = std::move(plan);
  }
  state_->room.notify_all();
}

Batch Loader::next() {
  std::unique_lock lock(state_->mutex);
  Plan& plan = *state_->plan;
  require(plan.next_to_deliver < plan.end, "every step that is asked for was started");
  const auto is_ready = [&] { return plan.finished.contains(plan.next_to_deliver); };
  const bool waits = !is_ready();
  const auto begin = std::chrono::steady_clock::now();
  state_->ready.wait(lock, is_ready);
  state_->waited += std::chrono::steady_clock::now() - begin;
  const auto num_workers = static_cast<std::int64_t>(state_->workers.size());
  if (state_->wait_rate.add(waits) && num_workers < state_->num_threads.at_most &&
      !state_->add_worker().empty())
    state_->num_threads.at_most = num_workers;  // the system has no more; those that there are go on
  Outcome outcome = std::move(plan.finished.extract(plan.next_to_deliver++).mapped());
  std::move(outcome.substitutions.begin(), outcome.substitutions.end(),
            std::back_inserter(state_->substitutions));
  lock.unlock();
  state_->room.notify_all();
  if (outcome.error) std::rethrow_exception(outcome.error);
  return std::move(outcome.batch);
}

std::vector<Substitution> Loader::take_substitutions() {
  const std::lock_guard lock(state_->mutex);
  return std::exchange(state_->substitutions, {});
}

std::int64_t Loader::num_threads() const {
  const std::lock_guard lock(state_->mutex);
  return static_cast<std::int64_t>(state_->workers.size());
}

double Loader::seconds_waited() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited.count();
}

}  // namespace gyrus
