#include "trainer/models/resnet.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include "launch/error.hpp"
#include "trainer/models/layers.hpp"

namespace gyrus {
namespace {

constexpr std::int64_t expansion = 4;

class Bottleneck : public torch::nn::Module {
 public:
  Bottleneck(std::int64_t in, std::int64_t width, std::int64_t stride, bool project,
             const std::shared_ptr<const SampleGroups>& groups) {
    const std::int64_t out = width * expansion;
    conv1_ = register_module("conv1", std::make_shared<Convolution>(in, width, 1, 1, false));
    norm1_ = register_module("bn1", std::make_shared<GroupBatchNorm>(width, groups));
    conv2_ = register_module("conv2", std::make_shared<Convolution>(width, width, 3, stride, false));
    norm2_ = register_module("bn2", std::make_shared<GroupBatchNorm>(width, groups));
    conv3_ = register_module("conv3", std::make_shared<Convolution>(width, out, 1, 1, false));
    norm3_ = register_module("bn3", std::make_shared<GroupBatchNorm>(out, groups));
    if (!project) return;
    project_ = std::make_shared<Convolution>(in, out, 1, stride, false);
    project_norm_ = std::make_shared<GroupBatchNorm>(out, groups);
    register_module("downsample", named_layers({{"0", project_}, {"1", project_norm_}}));
  }

  /// @param scale  [B] factor of each sample's residual branch (stochastic depth), or undefined for 1
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& scale) {
    torch::Tensor h = torch::relu(norm1_->forward(conv1_->forward(x)));
    h = torch::relu(norm2_->forward(conv2_->forward(h)));
    h = norm3_->forward(conv3_->forward(h));
    if (scale.defined()) h = h * scale.view({-1, 1, 1, 1}).to(h.scalar_type());
    return torch::relu(h + (project_ ? project_norm_->forward(project_->forward(x)) : x));
  }

 private:
  std::shared_ptr<Convolution> conv1_, conv2_, conv3_, project_;
  std::shared_ptr<GroupBatchNorm> norm1_, norm2_, norm3_, project_norm_;
};

}  // namespace

void EncoderOptions::fields(Fields& f) {
  f.field("width", width, "channels of the encoder's stem (64: ResNet-50)", {.min = 1});
  f.field("blocks", blocks, "bottlenecks of each stage; every stage after the first halves the size");
  f.field("drop_path", drop_path,
          "stochastic depth of the last block, growing linearly from 0 (Q3: the published code has 0.05)",
          {.min = 0.0, .max = 0.99});
  f.field("norm_group_samples", norm_group_samples,
          "consecutive samples of the global batch that share batch statistics; 0: the whole batch",
          {.min = 0});
}

ResNet::ResNet(const EncoderOptions& options, std::int64_t outputs)
    : groups_(std::make_shared<SampleGroups>()) {
  if (options.blocks.empty())
    throw ConfigError("model.encoder.blocks is empty; give bottlenecks per stage, as in [3,4,6,3]");
  groups_->group_samples = options.norm_group_samples;
  stem_conv_ = register_module("conv1", std::make_shared<Convolution>(1, options.width, 7, 2, false));
  stem_norm_ = register_module("bn1", std::make_shared<GroupBatchNorm>(options.width, groups_));
  std::int64_t in = options.width;
  for (std::size_t stage = 0; stage < options.blocks.size(); ++stage) {
    const std::int64_t width = options.width << stage;
    auto layer = register_module(fmt::format("layer{}", stage + 1), std::make_shared<NamedLayers>());
    for (std::int64_t block = 0; block < options.blocks[stage]; ++block) {
      const std::int64_t stride = stage > 0 && block == 0 ? 2 : 1;
      bottlenecks_.push_back(layer->register_module(
          std::to_string(block), std::make_shared<Bottleneck>(in, width, stride, block == 0, groups_)));
      in = width * expansion;
    }
  }
  const double last = std::max<double>(1.0, static_cast<double>(bottlenecks_.size()) - 1.0);
  for (std::size_t i = 0; i < bottlenecks_.size(); ++i)
    drop_rates_.push_back(options.drop_path * static_cast<double>(i) / last);
  classifier_ = register_module("fc", std::make_shared<LinearLayer>(in, outputs));
}

torch::Tensor ResNet::forward(const torch::Tensor& slices, const torch::Tensor& keep) {
  recorded_.clear();
  const auto record = [&](const std::string& name, const torch::Tensor& value) {
    if (recording_) recorded_.emplace_back(name, value);
  };
  torch::Tensor h = dynamic_cast<Convolution&>(*stem_conv_).forward(slices);
  record("stem.conv", h);
  h = stem_norm_->forward(h);
  record("stem.bn", h);
  h = torch::max_pool2d(torch::relu(h), 3, 2, 1);
  record("stem.pool", h);
  for (std::size_t i = 0; i < bottlenecks_.size(); ++i) {
    torch::Tensor scale;
    if (keep.defined() && drop_rates_[i] > 0.0)
      scale = keep[static_cast<std::int64_t>(i)] / (1.0 - drop_rates_[i]);
    h = dynamic_cast<Bottleneck&>(*bottlenecks_[i]).forward(h, scale);
    record(fmt::format("block.{}", i), h);
  }
  h = h.mean({2, 3});
  record("global_pool", h);
  h = dynamic_cast<LinearLayer&>(*classifier_).forward(h);
  record("fc", h);
  return h;
}

}  // namespace gyrus
