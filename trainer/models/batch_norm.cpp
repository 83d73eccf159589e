#include "trainer/models/batch_norm.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr double epsilon = 1e-5;
constexpr double momentum = 0.1;
const std::vector<std::int64_t> all_but_channels = {0, 2, 3};

/// The samples of one group that this rank holds.
struct Segment {
  std::int64_t group, begin, end;  // begin, end: local samples
  bool owned;                      // this rank holds the group's first sample
};

std::vector<Segment> segments_of(const SampleGroups& groups, std::int64_t local_samples) {
  const std::int64_t batch = groups.global_batch > 0 ? groups.global_batch : local_samples;
  const std::int64_t size = groups.group_samples > 0 ? std::min(groups.group_samples, batch) : batch;
  std::vector<Segment> segments;
  for (std::int64_t begin = 0; begin < local_samples;) {
    const std::int64_t position = groups.first + begin;
    const std::int64_t group = position / size;
    const std::int64_t end = std::min(local_samples, (group + 1) * size - groups.first);
    segments.push_back({group, begin, end, position == group * size});
    begin = end;
  }
  return segments;
}

/// Per group and channel: number of values, mean, biased variance; float64, summed over ranks where groups
/// span them.
struct Statistics {
  torch::Tensor count, mean, variance;  // [S], [S, C], [S, C] for the S local segments
};

/// Sums `rows` (one per local segment) with the rows of the same groups on other ranks.
torch::Tensor sum_rows_over_ranks(const torch::Tensor& rows, const std::vector<Segment>& segments,
                                  const SampleGroups& groups, std::int64_t num_groups) {
  if (!groups.spans_ranks) return rows;
  std::vector<std::int64_t> ids;
  for (const auto& segment : segments) ids.push_back(segment.group);
  const torch::Tensor index =
      torch::tensor(ids, torch::TensorOptions().dtype(torch::kInt64).device(rows.device()));
  torch::Tensor all = torch::zeros({num_groups, rows.size(1)}, rows.options());
  all.index_add_(0, index, rows);
  groups.sum_over_ranks(all);
  return all.index_select(0, index);
}

/// @param active  [B, 1, H, W] or undefined; x is 0 elsewhere, so that sums over all positions are sums over
/// active ones
Statistics statistics_of(const torch::Tensor& x, const torch::Tensor& active,
                         const std::vector<Segment>& segments, const SampleGroups& groups) {
  const std::int64_t channels = x.size(1), positions = x.size(2) * x.size(3);
  std::vector<torch::Tensor> rows;
  for (const auto& segment : segments) {
    const auto places = static_cast<double>((segment.end - segment.begin) * positions);
    auto [variance, mean] =
        torch::var_mean(x.slice(0, segment.begin, segment.end), all_but_channels, /*unbiased=*/false);
    mean = mean.to(torch::kFloat64);
    variance = variance.to(torch::kFloat64);
    const torch::Tensor count =
        active.defined()
            ? active.slice(0, segment.begin, segment.end).sum(torch::kFloat64).to(mean.device()).view({1})
            : torch::full({1}, places, mean.options());
    // Sums of values and squares add over ranks; float64 keeps their difference exact to about 1e-16 *
    // mean^2.
    rows.push_back(torch::cat({count, mean * places, (variance + mean * mean) * places}));
  }
  const torch::Tensor sums =
      sum_rows_over_ranks(torch::stack(rows), segments, groups, groups.num_groups(x.size(0)));
  const torch::Tensor count = sums.slice(1, 0, 1);
  const torch::Tensor mean = sums.slice(1, 1, 1 + channels) / count;
  const torch::Tensor square = sums.slice(1, 1 + channels, 1 + 2 * channels) / count;
  return {count, mean, (square - mean * mean).clamp_min(0.0)};
}

struct Normalise : public torch::autograd::Function<Normalise> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias,
                               const SampleGroups* groups, const Statistics* statistics,
                               const torch::Tensor* active) {
    const auto segments = segments_of(*groups, x.size(0));
    const torch::Tensor mean = statistics->mean.to(x.scalar_type());
    const torch::Tensor inverse_std = torch::rsqrt(statistics->variance + epsilon).to(x.scalar_type());
    torch::Tensor normalised = torch::empty_like(x);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto& segment = segments[i];
      auto out = normalised.slice(0, segment.begin, segment.end);
      torch::sub_out(out, x.slice(0, segment.begin, segment.end), mean[i].view({1, -1, 1, 1}));
      out.mul_(inverse_std[i].view({1, -1, 1, 1}));
    }
    if (active->defined()) normalised.mul_(*active);
    context->save_for_backward({normalised, inverse_std, statistics->count, weight, *active});
    // The backward pass checks that the groups are still these.
    context->saved_data["first"] = groups->first;
    context->saved_data["global_batch"] = groups->global_batch;
    context->saved_data["groups"] = reinterpret_cast<std::int64_t>(groups);
    const torch::Tensor shift = bias.view({1, -1, 1, 1});
    return torch::addcmul(active->defined() ? shift * *active : shift, normalised,
                          weight.view({1, -1, 1, 1}));
  }

  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 torch::autograd::variable_list gradients) {
    const auto saved = context->get_saved_variables();
    const torch::Tensor &normalised = saved[0], &inverse_std = saved[1], &count = saved[2],
                        &weight = saved[3], &active = saved[4];
    const auto& groups = *reinterpret_cast<const SampleGroups*>(context->saved_data["groups"].toInt());
    require(groups.first == context->saved_data["first"].toInt() &&
                groups.global_batch == context->saved_data["global_batch"].toInt(),
            "the sample groups stay as they are between the forward and the backward pass of a step");
    const torch::Tensor gradient = (active.defined() ? gradients[0] * active : gradients[0]).contiguous();
    const auto segments = segments_of(groups, gradient.size(0));
    const torch::Tensor product = gradient * normalised;
    std::vector<torch::Tensor> rows;
    for (const auto& segment : segments)
      rows.push_back(torch::cat(
          {gradient.slice(0, segment.begin, segment.end).sum(all_but_channels, false, torch::kFloat64),
           product.slice(0, segment.begin, segment.end).sum(all_but_channels, false, torch::kFloat64)}));
    const torch::Tensor local = torch::stack(rows);
    const torch::Tensor sums =
        sum_rows_over_ranks(local, segments, groups, groups.num_groups(gradient.size(0))) / count;
    const auto channels = gradient.size(1);
    torch::Tensor x_gradient = torch::empty_like(gradient);
    for (std::size_t i = 0; i < segments.size(); ++i) {
      const auto begin = segments[i].begin, end = segments[i].end;
      const auto row = [&](std::int64_t from) {
        return sums[i].slice(0, from, from + channels).to(gradient.scalar_type()).view({1, -1, 1, 1});
      };
      auto out = x_gradient.slice(0, begin, end);
      torch::addcmul_out(out, gradient.slice(0, begin, end) - row(0), normalised.slice(0, begin, end),
                         row(channels), -1);
      out.mul_((inverse_std[i] * weight).view({1, -1, 1, 1}));
    }
    if (active.defined()) x_gradient.mul_(active);
    // The parameters' gradients stay sums over this rank's samples: the gradient reduction adds the ranks.
    const torch::Tensor totals = local.sum(0).to(gradient.scalar_type());
    return {x_gradient,
            totals.slice(0, channels, 2 * channels),
            totals.slice(0, 0, channels),
            torch::Tensor(),
            torch::Tensor(),
            torch::Tensor()};
  }
};

}  // namespace

std::int64_t SampleGroups::num_groups(std::int64_t local_samples) const {
  const std::int64_t batch = global_batch > 0 ? global_batch : local_samples;
  const std::int64_t size = group_samples > 0 ? std::min(group_samples, batch) : batch;
  return (batch + size - 1) / size;
}

GroupBatchNorm::GroupBatchNorm(std::int64_t channels, std::shared_ptr<const SampleGroups> groups)
    : groups_(std::move(groups)) {
  weight_ = register_parameter("weight", torch::ones({channels}));
  bias_ = register_parameter("bias", torch::zeros({channels}));
  running_mean_ = register_buffer("running_mean", torch::zeros({channels}));
  running_var_ = register_buffer("running_var", torch::ones({channels}));
}

torch::Tensor GroupBatchNorm::forward(const torch::Tensor& x, const torch::Tensor& active) {
  if (!is_training()) {
    const torch::Tensor y =
        torch::batch_norm(x, weight_, bias_, running_mean_, running_var_, false, momentum, epsilon, false);
    return active.defined() ? y * active : y;
  }
  const auto segments = segments_of(*groups_, x.size(0));
  Statistics statistics;
  {
    const torch::NoGradGuard no_gradient;
    const torch::Tensor wide = x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat32) : x;
    statistics = statistics_of(wide, active, segments, *groups_);
    pending_ = torch::zeros({2, x.size(1)}, statistics.mean.options());
    const torch::Tensor unbiased =
        statistics.variance * statistics.count / (statistics.count - 1).clamp_min(1);
    for (std::size_t i = 0; i < segments.size(); ++i)
      if (segments[i].owned) pending_ += torch::stack({statistics.mean[i], unbiased[i]});
  }
  const torch::Tensor wide = x.scalar_type() == torch::kBFloat16 ? x.to(torch::kFloat32) : x;
  return Normalise::apply(wide.contiguous(), weight_, bias_, groups_.get(), &statistics, &active)
      .to(x.scalar_type());
}

void update_running_statistics(torch::nn::Module& model, const SampleGroups& groups,
                               std::int64_t local_samples) {
  const torch::NoGradGuard no_gradient;
  std::vector<GroupBatchNorm*> norms;
  std::vector<torch::Tensor> pending;
  for (const auto& module : model.modules(/*include_self=*/false)) {
    auto* norm = dynamic_cast<GroupBatchNorm*>(module.get());
    if (norm == nullptr || !norm->pending_.defined()) continue;
    norms.push_back(norm);
    pending.push_back(norm->pending_.flatten());
  }
  if (norms.empty()) return;
  torch::Tensor sums = torch::cat(pending);
  if (groups.sum_over_ranks) groups.sum_over_ranks(sums);
  sums /= static_cast<double>(groups.num_groups(local_samples));
  std::int64_t offset = 0;
  for (auto* norm : norms) {
    const std::int64_t channels = norm->weight_.size(0);
    const auto towards = [&](torch::Tensor& running) {
      running.lerp_(sums.slice(0, offset, offset + channels).to(running.scalar_type()), momentum);
      offset += channels;
    };
    towards(norm->running_mean_);
    towards(norm->running_var_);
    norm->pending_ = torch::Tensor();
  }
}

}  // namespace gyrus
