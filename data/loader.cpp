#include "data/loader.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include "data/augment.hpp"
#include "launch/error.hpp"

namespace gyrus {
namespace {

using RangeOfStep = std::function<std::pair<std::uint64_t, std::uint64_t>(std::uint64_t)>;
using Complete = std::function<void(Batch&)>;

constexpr std::uint64_t max_substitutes = 8;  // after so many in a row the data set as a whole is broken

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
        const DataOptions& options, std::uint64_t seed_)
      : dataset(std::move(dataset_)),
        set(std::move(set_)),
        order(std::move(order_)),
        augment(options.augment),
        substitutes_faults(options.faults == "substitute"),
        seed(seed_),
        prefetch(static_cast<std::uint64_t>(std::max<std::int64_t>(1, options.prefetch_batches))) {}

  std::shared_ptr<const Dataset> dataset;
  std::string set;
  SampleOrder order;
  AugmentOptions augment;
  bool substitutes_faults;
  std::uint64_t seed;
  std::uint64_t prefetch;

  std::mutex mutex;
  std::condition_variable room;   // a worker may begin another batch
  std::condition_variable ready;  // a batch is finished
  std::shared_ptr<Plan> plan = std::make_shared<Plan>();
  bool stopping = false;
  std::chrono::duration<double> waited{0.0};
  std::vector<Substitution> substitutions;  // of delivered batches
  std::vector<std::jthread> workers;

  bool may_begin() const {
    return plan->next_to_make < plan->end && plan->next_to_make < plan->next_to_deliver + prefetch;
  }
  void make_batch(std::pair<std::uint64_t, std::uint64_t> range, Outcome& outcome) const;
  void read_sample(const Sample& sample, float* image, std::uint8_t* mask) const;
  std::optional<Substitution> read_or_substitute(Sample& sample, float* image, std::uint8_t* mask) const;
  void work();
};

void Loader::State::read_sample(const Sample& sample, float* image, std::uint8_t* mask) const {
  const auto& info = dataset->volumes(set)[sample.volume];
  const auto augmentation =
      draw_augmentation(augment, seed, sample.epoch, static_cast<std::uint64_t>(sample.volume), info.spacing);
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

/// @param sample  becomes the one that was read
std::optional<Substitution> Loader::State::read_or_substitute(Sample& sample, float* image,
                                                              std::uint8_t* mask) const {
  const Sample wanted = sample;
  std::optional<Substitution> substitution;
  for (std::uint64_t attempt = 0;; ++attempt) {
    try {
      read_sample(sample, image, mask);
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
  const auto pixels = static_cast<std::size_t>(batch.height * batch.width);
  for (std::uint64_t index = range.first; index < range.second; ++index)
    batch.samples.push_back(order.at(index));
  batch.images.resize(batch.samples.size() * pixels);
  batch.masks.resize(batch.samples.size() * pixels);
  for (std::size_t i = 0; i < batch.samples.size(); ++i) {
    auto substitution =
        read_or_substitute(batch.samples[i], &batch.images[i * pixels], &batch.masks[i * pixels]);
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
               const DataOptions& options, std::uint64_t seed)
    : state_(std::make_unique<State>(std::move(dataset), std::move(set), std::move(order), options, seed)) {
  for (std::int64_t i = 0; i < loader_threads(options); ++i)
    state_->workers.emplace_back([state = state_.get()] { state->work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(state_->mutex);
    state_->stopping = true;
  }
  state_->room.notify_all();
  state_->workers.clear();  // joins
}

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
  const auto begin = std::chrono::steady_clock::now();
  state_->ready.wait(lock, [&] { return plan.finished.contains(plan.next_to_deliver); });
  state_->waited += std::chrono::steady_clock::now() - begin;
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

double Loader::seconds_waited() const {
  const std::lock_guard lock(state_->mutex);
  return state_->waited.count();
}

}  // namespace gyrus
