#include "trainer/models/unet.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "launch/error.hpp"
#include "trainer/models/layers.hpp"

namespace gyrus {
namespace {

enum class Resample { none, down, up };

torch::Tensor resample(const torch::Tensor& x, Resample how) {
  if (how == Resample::down) return torch::avg_pool2d(x, 2);
  if (how == Resample::up) return torch::upsample_nearest2d(x, {x.size(2) * 2, x.size(3) * 2});
  return x;
}

/// Lengths of the vectors that residual blocks receive; film is 0 where the condition travels in `main`.
struct EmbeddingWidths {
  std::int64_t main, film;
};

/// Residual block of method section 2.3; the down and up variants resample between the first SiLU and
/// convolution, and the skip.
class ResidualBlock : public torch::nn::Module {
 public:
  ResidualBlock(std::int64_t in, std::int64_t out, EmbeddingWidths widths, const UnetOptions& options,
                Resample how = Resample::none)
      : how_(how) {
    first_norm_ = std::make_shared<GroupNorm32>(options.norm_groups, in);
    first_conv_ = std::make_shared<Convolution>(in, out, 3);
    register_module("in_layers", named_layers({{"0", first_norm_}, {"2", first_conv_}}));
    embedding_ = std::make_shared<LinearLayer>(widths.main, 2 * out);
    register_module("emb_layers", named_layers({{"1", embedding_}}));
    if (widths.film > 0) {
      film_ = std::make_shared<LinearLayer>(widths.film, 2 * out);
      register_module("film_layers", named_layers({{"1", film_}}));
    }
    second_norm_ = std::make_shared<GroupNorm32>(options.norm_groups, out);
    second_conv_ = std::make_shared<Convolution>(out, out, 3);
    register_module("out_layers", named_layers({{"0", second_norm_}, {"3", second_conv_}}));
    if (in != out) skip_ = register_module("skip_connection", std::make_shared<Convolution>(in, out, 1));
  }

  /// @param embedding  after SiLU; the same for all blocks, so it is computed once
  torch::Tensor forward(const torch::Tensor& x, const Unet::Embedding& embedding) const {
    torch::Tensor h = first_conv_->forward(resample(torch::silu(first_norm_->forward(x)), how_));
    h = scale_and_shift(second_norm_->forward(h), embedding_->forward(embedding.main));
    if (film_) h = scale_and_shift(h, film_->forward(embedding.condition));
    h = second_conv_->forward(torch::silu(h));
    const torch::Tensor kept = resample(x, how_);
    return h + (skip_ ? skip_->forward(kept) : kept);
  }

 private:
  /// h (1 + scale) + shift. @param both  [B, 2C], scale first
  static torch::Tensor scale_and_shift(const torch::Tensor& h, const torch::Tensor& both) {
    const auto parts = both.to(h.scalar_type()).unsqueeze(-1).unsqueeze(-1).chunk(2, 1);
    return torch::addcmul(parts[1], h, parts[0] + 1);
  }

  Resample how_;
  std::shared_ptr<GroupNorm32> first_norm_, second_norm_;
  std::shared_ptr<Convolution> first_conv_, second_conv_, skip_;
  std::shared_ptr<LinearLayer> embedding_, film_;
};

/// A 1x1 convolution over positions, with the weight shape [out, in, 1] of the published checkpoints.
class PointwiseConvolution : public torch::nn::Module {
 public:
  PointwiseConvolution(std::int64_t in, std::int64_t out) {
    weight_ = register_parameter("weight", torch::zeros({out, in, 1}));
    bias_ = register_parameter("bias", torch::zeros({out}));
  }
  torch::Tensor forward(const torch::Tensor& x) const { return torch::conv1d(x, weight_, bias_); }

 private:
  torch::Tensor weight_, bias_;
};

/// Self-attention over all positions, method section 2.4 ("new order": q, k, v first, then heads).
class AttentionBlock : public torch::nn::Module {
 public:
  AttentionBlock(std::int64_t channels, const UnetOptions& options)
      : heads_(std::max<std::int64_t>(1, channels / options.head_width)) {
    norm_ = register_module("norm", std::make_shared<GroupNorm32>(options.norm_groups, channels));
    qkv_ = register_module("qkv", std::make_shared<PointwiseConvolution>(channels, 3 * channels));
    projection_ = register_module("proj_out", std::make_shared<PointwiseConvolution>(channels, channels));
  }

  torch::Tensor forward(const torch::Tensor& x) const {
    const auto batch = x.size(0), channels = x.size(1), positions = x.size(2) * x.size(3);
    const torch::Tensor flat = x.reshape({batch, channels, positions});
    const auto parts = qkv_->forward(norm_->forward(flat)).chunk(3, 1);
    const auto per_head = [&](const torch::Tensor& part) {
      return part.reshape({batch * heads_, channels / heads_, positions});
    };
    // Both factors are scaled, so that the product stays in range in half precision.
    const double scale = 1.0 / std::sqrt(std::sqrt(static_cast<double>(channels / heads_)));
    const torch::Tensor logits =
        torch::bmm((per_head(parts[0]) * scale).transpose(1, 2), per_head(parts[1]) * scale);
    const bool half = logits.scalar_type() == torch::kBFloat16;
    const torch::Tensor weights =
        torch::softmax(half ? logits.to(torch::kFloat32) : logits, -1).to(logits.scalar_type());
    const torch::Tensor mixed = torch::bmm(per_head(parts[2]), weights.transpose(1, 2));
    return (flat + projection_->forward(mixed.reshape({batch, channels, positions}))).reshape(x.sizes());
  }

 private:
  std::int64_t heads_;
  std::shared_ptr<GroupNorm32> norm_;
  std::shared_ptr<PointwiseConvolution> qkv_, projection_;
};

std::shared_ptr<NamedLayers> make_mlp(std::int64_t in, std::int64_t width) {
  return named_layers(
      {{"0", std::make_shared<LinearLayer>(in, width)}, {"2", std::make_shared<LinearLayer>(width, width)}});
}

torch::Tensor run_mlp(const torch::nn::Module& mlp, const torch::Tensor& x) {
  const auto layers = mlp.children();
  const auto first = std::dynamic_pointer_cast<LinearLayer>(layers[0]);
  const auto second = std::dynamic_pointer_cast<LinearLayer>(layers[1]);
  return second->forward(torch::silu(first->forward(x)));
}

std::shared_ptr<NamedLayers> numbered_layers(const std::vector<ModulePtr>& layers) {
  auto list = named_layers({});
  for (std::size_t i = 0; i < layers.size(); ++i) list->register_module(std::to_string(i), layers[i]);
  return list;
}

/// Makes the layers of the UNet from the first convolution to the head; its functions are called in the order
/// in which they stand, since each goes on with the width that the one before ended with.
class UnetLayers {
 public:
  UnetLayers(const UnetOptions& options, EmbeddingWidths embedding)
      : options_(options), embedding_(embedding) {}

  std::vector<std::vector<ModulePtr>> way_down() {
    std::vector<std::vector<ModulePtr>> entries = {
        {std::make_shared<Convolution>(1, options_.base_width, 3)}};
    const auto num_levels = options_.multipliers.size();
    for (std::size_t level = 0; level < num_levels; ++level) {
      for (std::int64_t block = 0; block < options_.blocks; ++block) {
        entries.push_back(with_attention(residual(width_, width_of(level))));
        skip_widths_.push_back(width_);
      }
      if (level + 1 == num_levels) break;
      entries.push_back({residual(width_, width_, Resample::down)});
      skip_widths_.push_back(width_);
      factor_ *= 2;
    }
    return entries;
  }

  std::vector<ModulePtr> middle() {
    return {residual(width_, width_), std::make_shared<AttentionBlock>(width_, options_),
            residual(width_, width_)};
  }

  std::vector<std::vector<ModulePtr>> way_up() {
    std::vector<std::vector<ModulePtr>> entries;
    for (std::size_t level = options_.multipliers.size(); level-- > 0;) {
      for (std::int64_t block = 0; block <= options_.blocks; ++block) {
        auto layers = with_attention(residual(width_ + skip_widths_.back(), width_of(level)));
        skip_widths_.pop_back();
        if (level > 0 && block == options_.blocks) {
          layers.push_back(residual(width_, width_, Resample::up));
          factor_ /= 2;
        }
        entries.push_back(std::move(layers));
      }
    }
    return entries;
  }

  std::shared_ptr<NamedLayers> head() const {
    return named_layers({{"0", std::make_shared<GroupNorm32>(options_.norm_groups, width_)},
                         {"2", std::make_shared<Convolution>(width_, 1, 3)}});
  }

 private:
  std::int64_t width_of(std::size_t level) const { return options_.multipliers[level] * options_.base_width; }

  ModulePtr residual(std::int64_t in, std::int64_t out, Resample how = Resample::none) {
    width_ = out;
    return std::make_shared<ResidualBlock>(in, out, embedding_, options_, how);
  }

  /// A block, followed by attention where the level has it.
  std::vector<ModulePtr> with_attention(ModulePtr block) const {
    std::vector<ModulePtr> layers = {std::move(block)};
    if (std::ranges::find(options_.attention_factors, factor_) != options_.attention_factors.end())
      layers.push_back(std::make_shared<AttentionBlock>(width_, options_));
    return layers;
  }

  const UnetOptions& options_;
  EmbeddingWidths embedding_;
  std::int64_t width_ = options_.base_width, factor_ = 1;          // where the next layer starts
  std::vector<std::int64_t> skip_widths_ = {options_.base_width};  // of the way down, for the way up
};

void check_width(const UnetOptions& options, std::int64_t width, std::int64_t multiplier) {
  if (width % options.norm_groups != 0)
    throw ConfigError(
        fmt::format("model.norm_groups = {} does not divide the width {} of a level "
                    "(model.base_width {} times {}); choose a divisor",
                    options.norm_groups, width, options.base_width, multiplier));
  const auto heads = std::max<std::int64_t>(1, width / options.head_width);
  if (width % heads != 0)
    throw ConfigError(
        fmt::format("model.head_width = {} makes {} heads of the width {} of a level (model.base_width {} "
                    "times {}), which they do not divide; choose a divisor",
                    options.head_width, heads, width, options.base_width, multiplier));
}

}  // namespace

/// What one entry of input_blocks, middle_block or output_blocks runs, in order.
struct Unet::Stage {
  std::string name;
  std::vector<ModulePtr> layers;
};

void UnetOptions::validate() const {
  if (multipliers.empty())
    throw ConfigError("model.multipliers is empty; give one factor per level, as in [1,2,2]");
  if (base_width % 2 != 0)
    throw ConfigError(fmt::format(
        "model.base_width is {}; half of it are cosines of the timestep: it is even", base_width));
  check_width(*this, base_width, 1);
  for (const auto multiplier : multipliers) {
    if (multiplier < 1)
      throw ConfigError(fmt::format("model.multipliers holds {}; each factor is at least 1", multiplier));
    check_width(*this, multiplier * base_width, multiplier);
  }
  for (const auto factor : attention_factors) {
    const bool is_level =
        factor >= 1 && factor < std::int64_t{1} << multipliers.size() && (factor & (factor - 1)) == 0;
    if (!is_level)
      throw ConfigError(
          fmt::format("model.attention_factors holds {}; with {} levels the factors are powers of two "
                      "from 1 to {}",
                      factor, multipliers.size(), std::int64_t{1} << (multipliers.size() - 1)));
  }
}

void UnetOptions::fields(Fields& f) {
  f.field("base_width", base_width, "channels of the first level", {.min = 1});
  f.field("multipliers", multipliers,
          "width of each level divided by base_width; one level per entry, halving the size");
  f.field("blocks", blocks, "residual blocks per level on the way down (one more on the way up)", {.min = 1});
  f.field("norm_groups", norm_groups, "groups of the group norms", {.min = 1});
  f.field("head_width", head_width, "channels per attention head", {.min = 1});
  f.field(
      "injection", injection,
      "how the condition reaches the residual blocks: concat (beside the time embedding, as published) or "
      "film (each block scales and shifts by it once more)",
      {.choices = {"concat", "film"}});
  f.field(
      "attention_factors", attention_factors,
      "downsampling factors with self-attention beside the middle block (Q1: the published code has none)");
}

Unet::Unet(const UnetOptions& options, std::int64_t condition_dim)
    : options_(options), condition_dim_(condition_dim) {
  options.validate();
  const auto base = options.base_width, mlp_width = 4 * base;
  const bool film = condition_dim > 0 && options.injection == "film";
  time_mlp_ = register_module("time_embed", make_mlp(base, mlp_width));
  if (condition_dim > 0) condition_mlp_ = register_module("label_emb", make_mlp(condition_dim, mlp_width));

  UnetLayers layers(options, {condition_dim > 0 && !film ? 2 * mlp_width : mlp_width, film ? mlp_width : 0});
  const auto inputs = register_module("input_blocks", named_layers({}));
  const auto outputs = register_module("output_blocks", named_layers({}));
  const auto add = [](torch::nn::Module& list, std::vector<Stage>& stages, const char* prefix,
                      std::vector<std::vector<ModulePtr>> entries) {
    for (auto& entry : entries) {
      list.register_module(std::to_string(stages.size()), numbered_layers(entry));
      stages.push_back({fmt::format("{}.{}", prefix, stages.size()), std::move(entry)});
    }
  };
  add(*inputs, input_stages_, "in", layers.way_down());
  middle_ = std::make_unique<Stage>(Stage{"", layers.middle()});
  register_module("middle_block", numbered_layers(middle_->layers));
  add(*outputs, output_stages_, "out", layers.way_up());
  head_ = register_module("out", layers.head());
}

Unet::~Unet() = default;

torch::Tensor timestep_embedding(const torch::Tensor& timestep, std::int64_t dim, torch::ScalarType type) {
  const auto wide = type == torch::kFloat64 ? torch::kFloat64 : torch::kFloat32;
  const auto half = dim / 2;
  const torch::Tensor index =
      torch::arange(half, torch::TensorOptions().dtype(wide).device(timestep.device()));
  const torch::Tensor frequency = torch::exp(index * (-std::log(10000.0) / static_cast<double>(half)));
  const torch::Tensor angle = timestep.to(wide).unsqueeze(1) * frequency.unsqueeze(0);
  return torch::cat({torch::cos(angle), torch::sin(angle)}, 1).to(type);
}

Unet::Embedding Unet::embed(const torch::Tensor& timestep, const torch::Tensor& condition,
                            torch::ScalarType type) {
  const torch::Tensor time = run_mlp(*time_mlp_, timestep_embedding(timestep, options_.base_width, type));
  if (condition_dim_ == 0) return {time, {}};
  require(condition.defined(), "a conditioned UNet receives a condition");
  const torch::Tensor described = run_mlp(*condition_mlp_, condition);
  if (options_.injection == "film") return {time, described};
  return {torch::cat({time, described}, 1), {}};
}

torch::Tensor Unet::run(Stage& stage, torch::Tensor x, const Embedding& embedding) {
  for (std::size_t i = 0; i < stage.layers.size(); ++i) {
    if (auto* residual = dynamic_cast<ResidualBlock*>(stage.layers[i].get()))
      x = residual->forward(x, embedding);
    else if (auto* attention = dynamic_cast<AttentionBlock*>(stage.layers[i].get()))
      x = attention->forward(x);
    else
      x = dynamic_cast<Convolution&>(*stage.layers[i]).forward(x);
    if (recording_ && stage.name.empty()) recorded_.emplace_back(fmt::format("mid.{}", i), x);
  }
  if (recording_ && !stage.name.empty()) recorded_.emplace_back(stage.name, x);
  return x;
}

torch::Tensor Unet::forward(const torch::Tensor& noised, const torch::Tensor& timestep,
                            const torch::Tensor& condition) {
  recorded_.clear();
  Embedding embedding = embed(timestep, condition, noised.scalar_type());
  embedding.main = torch::silu(embedding.main);
  if (embedding.condition.defined()) embedding.condition = torch::silu(embedding.condition);
  std::vector<torch::Tensor> skips;
  torch::Tensor h = noised;
  for (auto& stage : input_stages_) skips.push_back(h = run(stage, h, embedding));
  h = run(*middle_, h, embedding);
  for (auto& stage : output_stages_) {
    h = run(stage, torch::cat({h, skips.back()}, 1), embedding);
    skips.pop_back();
  }
  const auto layers = head_->children();
  h = dynamic_cast<GroupNorm32&>(*layers[0]).forward(h);
  h = dynamic_cast<Convolution&>(*layers[1]).forward(torch::silu(h));
  if (recording_) recorded_.emplace_back("head", h);
  return h;
}

}  // namespace gyrus
