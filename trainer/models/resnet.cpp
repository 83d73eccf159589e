#include "trainer/models/resnet.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <numeric>

#include "launch/error.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t most_norm_groups = 32;

/// Group normalisation of a dense map; one group over all channels is what encoders call layer normalisation.
class DenseNorm : public Normalisation {
 public:
  DenseNorm(std::int64_t groups, std::int64_t channels)
      : norm_(groups, channels) {  // the parameters are this module's own: same names as a batch norm's
    for (const auto& item : norm_.named_parameters()) register_parameter(item.key(), item.value());
  }
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& active) override {
    require(!active.defined(), "a sparse map is normalised by a batch norm");
    return norm_.forward(x);
  }

 private:
  GroupNorm32 norm_;
};

std::shared_ptr<Normalisation> make_norm(const EncoderOptions& options, std::int64_t channels,
                                         const std::shared_ptr<const SampleGroups>& groups) {
  if (options.norm == "batch") return std::make_shared<GroupBatchNorm>(channels, groups);
  return std::make_shared<DenseNorm>(options.norm == "group" ? std::gcd(channels, most_norm_groups) : 1,
                                     channels);
}

/// A convolution without bias and the norm behind it, on the visible cells.
struct NormedConvolution {
  std::shared_ptr<Convolution> convolution;
  std::shared_ptr<Normalisation> norm;

  torch::Tensor operator()(const torch::Tensor& x, const VisibleCells& visible) const {
    const torch::Tensor h = visible.keep(convolution->forward(x));
    return norm->forward(h, visible.over(h));
  }
};

}  // namespace

/// Residual block: relu(branch(x) + shortcut(x)).
class ResNet::Block : public torch::nn::Module {
 public:
  Block(const EncoderOptions& options, const std::shared_ptr<const SampleGroups>& groups)
      : options_(options), groups_(groups) {}

  /// @param scale  [B] factor of each sample's branch (stochastic depth), or undefined for 1
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& scale, const VisibleCells& visible) {
    torch::Tensor h = branch(x, visible);
    if (scale.defined()) h = h * scale.view({-1, 1, 1, 1}).to(h.scalar_type());
    return torch::relu(h + (shortcut_.convolution ? shortcut_(x, visible) : x));
  }

 protected:
  virtual torch::Tensor branch(const torch::Tensor& x, const VisibleCells& visible) const = 0;

  NormedConvolution add(int number, std::int64_t in, std::int64_t out, std::int64_t kernel,
                        std::int64_t stride) {
    return {register_module(fmt::format("conv{}", number),
                            std::make_shared<Convolution>(in, out, kernel, stride, false)),
            register_module(fmt::format("bn{}", number), make_norm(options_, out, groups_))};
  }
  void add_shortcut(std::int64_t in, std::int64_t out, std::int64_t stride) {
    shortcut_ = {std::make_shared<Convolution>(in, out, 1, stride, false), make_norm(options_, out, groups_)};
    register_module("downsample", named_layers({{"0", shortcut_.convolution}, {"1", shortcut_.norm}}));
  }

 private:
  EncoderOptions options_;
  std::shared_ptr<const SampleGroups> groups_;
  NormedConvolution shortcut_;
};

/// 1x1, 3x3, 1x1 to four times the width.
class ResNet::Bottleneck : public Block {
 public:
  static constexpr std::int64_t expansion = 4;

  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride, bool project,
             const EncoderOptions& options, const std::shared_ptr<const SampleGroups>& groups)
      : Block(options, groups),
        first_(add(1, in, width, 1, 1)),
        second_(add(2, width, width, 3, stride)),
        third_(add(3, width, width * expansion, 1, 1)) {
    if (project) add_shortcut(in, width * expansion, stride);
  }

 private:
  torch::Tensor branch(const torch::Tensor& x, const VisibleCells& visible) const override {
    return third_(torch::relu(second_(torch::relu(first_(x, visible)), visible)), visible);
  }
  NormedConvolution first_, second_, third_;
};

/// 3x3, 3x3: ResNet-18 and -34.
class ResNet::BasicBlock : public Block {
 public:
  BasicBlock(std::int64_t in, std::int64_t width, std::int64_t stride, const EncoderOptions& options,
             const std::shared_ptr<const SampleGroups>& groups)
      : Block(options, groups), first_(add(1, in, width, 3, stride)), second_(add(2, width, width, 3, 1)) {
    if (stride > 1 || in != width) add_shortcut(in, width, stride);
  }

 private:
  torch::Tensor branch(const torch::Tensor& x, const VisibleCells& visible) const override {
    return second_(torch::relu(first_(x, visible)), visible);
  }
  NormedConvolution first_, second_;
};

void EncoderOptions::fields(Fields& f) {
  f.field("width", width, "channels of the encoder's stem (64: ResNet)", {.min = 1});
  f.field("block", block, "residual block: bottleneck (ResNet-50) or basic (ResNet-18, -34)",
          {.choices = {"bottleneck", "basic"}});
  f.field("blocks", blocks, "residual blocks of each stage; every stage after the first halves the size");
  f.field("norm", norm,
          "batch: over groups of samples; group: 32 groups of channels; layer: all channels of a sample",
          {.choices = {"batch", "group", "layer"}});
  f.field("norm_group_samples", norm_group_samples,
          "consecutive samples of the global batch that share batch statistics; 0: the whole batch",
          {.min = 0});
  f.field("drop_path", drop_path,
          "stochastic depth of the last block, growing linearly from 0 (Q3: the published code has 0.05)",
          {.min = 0.0, .max = 0.99});
  f.field("init", init,
          "checkpoint or run folder, of model.kind=spark or of a conditioned model, whose encoder the "
          "training starts from; empty: random weights",
          {.may_change_on_resume = true});
}

void EncoderOptions::validate() const {
  if (blocks.empty())
    throw ConfigError("model.encoder.blocks is empty; give blocks per stage, as in [3,4,6,3]");
  for (const std::int64_t count : blocks)
    if (count < 1)
      throw ConfigError(
          fmt::format("model.encoder.blocks holds {}; each stage has at least 1 residual block", count));
  if (norm != "batch" && norm_group_samples != 0)
    throw ConfigError(
        fmt::format("model.encoder.norm_group_samples = {} has no effect with "
                    "model.encoder.norm={}, which knows no batch; set it to 0",
                    norm_group_samples, norm));
}

std::int64_t downsampling(const EncoderOptions& options) {
  return std::int64_t{1} << (options.blocks.size() + 1);
}

ResNet::ResNet(const EncoderOptions& options, std::int64_t outputs)
    : groups_(std::make_shared<SampleGroups>()), blocks_of_stage_(options.blocks) {
  options.validate();
  groups_->group_samples = options.norm_group_samples;
  stem_conv_ = register_module("conv1", std::make_shared<Convolution>(1, options.width, 7, 2, false));
  stem_norm_ = register_module("bn1", make_norm(options, options.width, groups_));
  const bool is_basic = options.block == "basic";
  std::int64_t in = options.width;
  for (std::size_t stage = 0; stage < options.blocks.size(); ++stage) {
    const std::int64_t width = options.width << stage;
    auto layer = register_module(fmt::format("layer{}", stage + 1), std::make_shared<NamedLayers>());
    for (std::int64_t i = 0; i < options.blocks[stage]; ++i) {
      const std::int64_t stride = stage > 0 && i == 0 ? 2 : 1;
      std::shared_ptr<Block> block;
      if (is_basic)
        block = std::make_shared<BasicBlock>(in, width, stride, options, groups_);
      else
        block = std::make_shared<Bottleneck>(in, width, stride, i == 0, options, groups_);
      blocks_.push_back(layer->register_module(std::to_string(i), block));
      in = is_basic ? width : width * Bottleneck::expansion;
    }
    stage_widths_.push_back(in);
  }
  const double last = std::max<double>(1.0, static_cast<double>(blocks_.size()) - 1.0);
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    drop_rates_.push_back(options.drop_path * static_cast<double>(i) / last);
  if (outputs > 0) classifier_ = register_module("fc", std::make_shared<LinearLayer>(in, outputs));
}

void ResNet::record(const std::string& name, const torch::Tensor& value) {
  if (recording_) recorded_.emplace_back(name, value);
}

torch::Tensor ResNet::run_stem(const torch::Tensor& slices, const VisibleCells& visible) {
  torch::Tensor h = visible.keep(stem_conv_->forward(slices));
  record("stem.conv", h);
  h = stem_norm_->forward(h, visible.over(h));
  record("stem.bn", h);
  h = visible.keep(torch::max_pool2d(torch::relu(h), 3, 2, 1));
  record("stem.pool", h);
  return h;
}

std::vector<torch::Tensor> ResNet::features(const torch::Tensor& slices, const torch::Tensor& keep,
                                            const VisibleCells& visible) {
  recorded_.clear();
  torch::Tensor h = run_stem(slices, visible);
  std::vector<torch::Tensor> stages;
  std::size_t i = 0;
  for (const auto count : blocks_of_stage_) {
    for (std::int64_t in_stage = 0; in_stage < count; ++in_stage, ++i) {
      torch::Tensor scale;
      if (keep.defined() && drop_rates_[i] > 0.0)
        scale = keep[static_cast<std::int64_t>(i)] / (1.0 - drop_rates_[i]);
      h = blocks_[i]->forward(h, scale, visible);
      record(fmt::format("block.{}", i), h);
    }
    stages.push_back(h);
  }
  return stages;
}

torch::Tensor ResNet::forward(const torch::Tensor& slices, const torch::Tensor& keep) {
  torch::Tensor h = features(slices, keep).back().mean({2, 3});
  record("global_pool", h);
  h = classifier_->forward(h);
  record("fc", h);
  return h;
}

}  // namespace gyrus
