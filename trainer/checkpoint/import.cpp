#include "trainer/checkpoint/import.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <set>

#include "launch/error.hpp"
#include "launch/log.hpp"
#include "trainer/checkpoint/zip_archive.hpp"
#include "trainer/diffusion/schedule.hpp"

namespace gyrus {
namespace {

constexpr std::size_t most_listed = 8;  // names of one kind in a message

/// The published code's tables, rounded to float32 there. Reference: Ho et al. 2020, arXiv 2006.11239, eq. 6
/// and 7.
std::map<std::string, std::vector<double>> published_tables() {
  const Schedule schedule(num_timesteps);
  std::map<std::string, std::vector<double>> tables;
  double before = 1.0;
  for (std::size_t t = 0; t < schedule.beta.size(); ++t) {
    const double beta = schedule.beta[t], kept = schedule.alpha_bar[t];
    const double variance = beta * (1.0 - before) / (1.0 - kept);
    const auto add = [&](const char* name, double value) { tables[name].push_back(value); };
    add("betas", beta);
    add("alphas_cumprod", kept);
    add("alphas_cumprod_prev", before);
    add("sqrt_alphas_cumprod", std::sqrt(kept));
    add("sqrt_one_minus_alphas_cumprod", std::sqrt(1.0 - kept));
    add("log_one_minus_alphas_cumprod", std::log(1.0 - kept));
    add("sqrt_recip_alphas_cumprod", std::sqrt(1.0 / kept));
    add("sqrt_recipm1_alphas_cumprod", std::sqrt(1.0 / kept - 1.0));
    add("posterior_variance", variance);
    add("posterior_log_variance_clipped", std::log(std::max(variance, 1e-20)));
    add("posterior_mean_coef1", beta * std::sqrt(before) / (1.0 - kept));
    add("posterior_mean_coef2", (1.0 - before) * std::sqrt(1.0 - beta) / (1.0 - kept));
    add("p2_loss_weight", 1.0);
    before = kept;
  }
  return tables;
}

/// @throws DataError when a table is not the one that our schedule gives
void check_table(const std::string& name, const PublishedTensor& tensor, const std::vector<double>& wanted,
                 const std::filesystem::path& file) {
  constexpr double tolerance = 1e-5;  // relative; float32 and other orders of operations stay below 1e-6
  const auto refuse = [&](const std::string& why) {
    return DataError(
        fmt::format("{}: the schedule table diffusion.{} {}; gyrus has the published cosine schedule of {} "
                    "steps and cannot use a model of another one",
                    file.string(), name, why, num_timesteps));
  };
  if (tensor.dtype != "F32" || tensor.shape != std::vector{static_cast<std::int64_t>(wanted.size())})
    throw refuse(fmt::format("is {} [{}]", tensor.dtype, fmt::join(tensor.shape, ", ")));
  for (std::size_t t = 0; t < wanted.size(); ++t) {
    float value;
    std::memcpy(&value, tensor.values + t * static_cast<std::size_t>(tensor.strides[0]) * sizeof value,
                sizeof value);
    if (!(std::abs(value - wanted[t]) <= tolerance * std::abs(wanted[t]) + 1e-7))
      throw refuse(fmt::format("has {} at step {} instead of {}", value, t, wanted[t]));
  }
}

bool is_dropped(const std::string& name) {
  static const std::set<std::string> unused = {"model.imn_m", "model.imn_s", "model.norm_black"};
  return name.ends_with(".num_batches_tracked") || unused.contains(name);
}

/// The values where they lie in the file; the tensor keeps the file mapped.
torch::Tensor view_of(const PublishedTensor& tensor, std::shared_ptr<const ZipArchive> archive) {
  return torch::from_blob(
      const_cast<std::byte*>(tensor.values), tensor.shape, tensor.strides,
      [archive = std::move(archive)](void*) {}, torch::kFloat32);
}

/// What a checkpoint and a model do not have in common.
struct Mismatch {
  std::vector<std::string> missing, unexpected, different;

  bool is_empty() const { return missing.empty() && unexpected.empty() && different.empty(); }
  std::string describe() const {
    std::string text;
    for (const auto& [what, names] :
         {std::pair<const char*, const std::vector<std::string>&>{"missing", missing},
          {"unexpected", unexpected},
          {"of another shape or type", different}}) {
      if (names.empty()) continue;
      text += fmt::format("\n  {} {}:", names.size(), what);
      for (std::size_t i = 0; i < std::min(names.size(), most_listed); ++i) text += " " + names[i];
      if (names.size() > most_listed) text += " ...";
    }
    return text;
  }
};

std::string describe(const std::string& type, const std::vector<std::int64_t>& shape) {
  return fmt::format("{}[{}]", type, fmt::join(shape, ","));
}

void take_weights(const PublishedCheckpoint& checkpoint, const ModelLayout& layout, TrainState& state,
                  const std::filesystem::path& file) {
  std::map<std::string, std::vector<std::int64_t>> wanted(layout.parameters.begin(), layout.parameters.end());
  wanted.insert(layout.buffers.begin(), layout.buffers.end());
  const auto tables = published_tables();
  Mismatch mismatch;
  for (const auto& [name, tensor] : checkpoint.state) {
    const auto known = wanted.find(name);
    if (known != wanted.end()) {
      if (tensor.dtype != "F32" || tensor.shape != known->second)
        mismatch.different.push_back(fmt::format("{} {} instead of {}", printable(name),
                                                 describe(tensor.dtype, tensor.shape),
                                                 describe("F32", known->second)));
      else
        state.weights[name] = view_of(tensor, checkpoint.archive);
      wanted.erase(known);
      continue;
    }
    const auto table = name.starts_with("diffusion.") ? tables.find(name.substr(10)) : tables.end();
    if (table != tables.end())
      check_table(table->first, tensor, table->second, file);
    else if (!is_dropped(name))
      mismatch.unexpected.push_back(printable(name));
  }
  for (const auto& [name, unused] : wanted) mismatch.missing.push_back(name);
  if (!mismatch.is_empty())
    throw DataError(
        fmt::format("{} is no checkpoint of the model that the options describe:{}\nGive the options of its "
                    "model, as in `gyrus checkpoint import FILE OUT_DIR model=ddpm`",
                    file.string(), mismatch.describe()));
}

/// Parameters in the order of the file: the optimizer counts them so.
std::vector<ModelLayout::Entry> parameters_in_file_order(const PublishedCheckpoint& checkpoint,
                                                         const ModelLayout& layout) {
  const std::map<std::string, std::vector<std::int64_t>> known(layout.parameters.begin(),
                                                               layout.parameters.end());
  std::vector<ModelLayout::Entry> ordered;
  for (const auto& [name, unused] : checkpoint.state)
    if (const auto found = known.find(name); found != known.end()) ordered.push_back(*found);
  return ordered;
}

/// @returns why the moments cannot be used; empty when they were taken
std::string take_moments(const PublishedCheckpoint& checkpoint, const ModelLayout& layout,
                         TrainState& state) {
  if (checkpoint.moments.empty()) return checkpoint.moments_problem;
  const auto parameters = parameters_in_file_order(checkpoint, layout);
  if (checkpoint.moments.size() != parameters.size())
    return fmt::format("the optimizer has the moments of {} parameters, the model has {}",
                       checkpoint.moments.size(), parameters.size());
  NamedTensors taken;
  const std::int64_t step = checkpoint.moments.begin()->second.step;
  std::int64_t index = 0;
  for (const auto& [name, shape] : parameters) {
    const auto found = checkpoint.moments.find(index++);
    if (found == checkpoint.moments.end())
      return fmt::format("parameter {} ({}) has no moments", index - 1, name);
    const PublishedMoments& moments = found->second;
    if (moments.step != step)
      return fmt::format("{} has taken {} steps, others {}", name, moments.step, step);
    for (const auto* tensor : {&moments.first, &moments.second})
      if (tensor->dtype != "F32" || tensor->shape != shape)
        return fmt::format("the moments of {} are {}", name, describe(tensor->dtype, tensor->shape));
    taken["first." + name] = view_of(moments.first, checkpoint.archive);
    taken["second." + name] = view_of(moments.second, checkpoint.archive);
  }
  state.optimizer = std::move(taken);
  state.optimizer_steps = step;
  return "";
}

}  // namespace

ModelLayout layout_of(const torch::nn::Module& model) {
  ModelLayout layout;
  for (const auto& item : model.named_parameters())
    layout.parameters.emplace_back(item.key(), item.value().sizes().vec());
  for (const auto& item : model.named_buffers())
    layout.buffers.emplace_back(item.key(), item.value().sizes().vec());
  return layout;
}

TrainState import_state(const PublishedCheckpoint& checkpoint, const ModelLayout& layout,
                        std::int64_t global_batch, const std::filesystem::path& file) {
  TrainState state;
  state.step = checkpoint.global_step;
  if (__builtin_mul_overflow(checkpoint.global_step, global_batch, &state.samples))
    throw DataError(fmt::format("{}: global_step is {}, which no training reaches", file.string(),
                                checkpoint.global_step));
  state.imported_from = std::filesystem::absolute(file).string();
  check_values(checkpoint);
  take_weights(checkpoint, layout, state, file);
  const std::string problem = take_moments(checkpoint, layout, state);
  if (!problem.empty())
    log::warning("{}: the optimizer's state is not imported ({}); training would go on from fresh moments",
                 file.string(), problem);
  return state;
}

}  // namespace gyrus
