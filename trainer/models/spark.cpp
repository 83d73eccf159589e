#include "trainer/models/spark.hpp"

#include <fmt/format.h>
#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "launch/error.hpp"
#include "trainer/models/layers.hpp"

namespace gyrus {

/// Doubles the size and halves the channels.
struct SparkModel::DecoderBlock : public torch::nn::Module {
  DecoderBlock(std::int64_t in, const std::shared_ptr<const SampleGroups>& groups)
      : up(register_module("up", std::make_shared<UpConvolution>(in, in))),
        first(std::make_shared<Convolution>(in, in, 3, 1, false)),
        second(std::make_shared<Convolution>(in, in / 2, 3, 1, false)),
        first_norm(std::make_shared<GroupBatchNorm>(in, groups)),
        second_norm(std::make_shared<GroupBatchNorm>(in / 2, groups)) {
    const auto layers = named_layers({{"0", first}, {"1", first_norm}, {"3", second}, {"4", second_norm}});
    register_module("conv", named_layers({{"0", named_layers({{"b", layers}})}}));
  }

  torch::Tensor forward(const torch::Tensor& x) const {
    const torch::Tensor h = torch::relu6(first_norm->forward(first->forward(up->forward(x))));
    return second_norm->forward(second->forward(h));
  }

  std::shared_ptr<UpConvolution> up;
  std::shared_ptr<Convolution> first, second;
  std::shared_ptr<GroupBatchNorm> first_norm, second_norm;
};

void SparkOptions::fields(Fields& f) {
  f.field("mask_ratio", mask_ratio, "share of the cells that the encoder does not see",
          {.min = 0.01, .max = 0.99});
  f.field("decoder_width", decoder_width,
          "channels of the decoder at the coarsest level, halved at each finer one", {.min = 2});
  f.field("mask_needs_brain", mask_needs_brain,
          "draw masks again until a visible cell has brain, where the slice has any (Q5: the published code "
          "takes any mask)");
}

SparkModel::SparkModel(const EncoderOptions& encoder, const SparkOptions& options) {
  if (encoder.norm != "batch")
    throw ConfigError(
        fmt::format("model.encoder.norm={} cannot be used with model.kind=spark: statistics are taken over "
                    "visible positions, which only norm=batch does",
                    encoder.norm));
  const std::int64_t levels = static_cast<std::int64_t>(encoder.blocks.size()) + 1;
  if (options.decoder_width % (std::int64_t{1} << levels) != 0)
    throw ConfigError(
        fmt::format("model.spark.decoder_width = {} cannot be halved {} times, once per level of "
                    "model.encoder.blocks and once more; choose a multiple of {}",
                    options.decoder_width, levels, std::int64_t{1} << levels));
  auto model = register_module("model", named_layers({}));
  encoder_ = std::make_shared<ResNet>(encoder, /*outputs=*/0);
  model->register_module("sparse_encoder", named_layers({{"sp_cnn", encoder_}}));
  const auto groups = encoder_->shared_sample_groups();

  auto decoder = model->register_module("dense_decoder", named_layers({}));
  auto blocks = decoder->register_module("dec", named_layers({}));
  for (std::int64_t level = 0; level < levels; ++level)
    decoder_.push_back(blocks->register_module(
        std::to_string(level), std::make_shared<DecoderBlock>(options.decoder_width >> level, groups)));
  head_ =
      decoder->register_module("proj", std::make_shared<Convolution>(options.decoder_width >> levels, 1, 1));

  auto norms = model->register_module("en_de_norms", named_layers({}));
  auto projections = model->register_module("en_de_lins", named_layers({}));
  auto tokens = model->register_module("mask_tokens", named_layers({}));
  const auto& widths = encoder_->stage_widths();
  for (std::size_t i = 0; i < widths.size(); ++i) {
    const std::int64_t width = widths[widths.size() - 1 - i];
    const std::string name = std::to_string(i);
    densify_.push_back(
        {norms->register_module(name, std::make_shared<GroupBatchNorm>(width, groups)),
         tokens->register_parameter(name, torch::zeros({1, width, 1, 1})),
         projections->register_module(
             name, std::make_shared<Convolution>(width, options.decoder_width >> i, i == 0 ? 1 : 3))});
  }
}

void SparkModel::record_blocks(bool on) {
  recording_ = on;
  encoder_->record_blocks(on);
}

void SparkModel::record(const std::string& name, const torch::Tensor& value) {
  if (recording_) recorded_.emplace_back(name, value);
}

torch::Tensor SparkModel::forward(const torch::Tensor& slices, const torch::Tensor& visible,
                                  const torch::Tensor& keep) {
  recorded_.clear();
  const VisibleCells cells(visible);
  auto stages = encoder_->features(cells.keep(slices), keep, cells);
  for (const auto& [name, value] : encoder_->recorded_blocks())
    if (name.starts_with("stem.")) record(name, value);
  for (std::size_t i = 0; i < stages.size(); ++i) record(fmt::format("stage.{}", i), stages[i]);

  torch::Tensor h;
  for (std::size_t level = 0; level < decoder_.size(); ++level) {
    if (level < densify_.size()) {
      const auto& part = densify_[level];
      const torch::Tensor map = stages[stages.size() - 1 - level];
      const torch::Tensor seen = cells.over(map);
      const torch::Tensor normalised = part.norm->forward(map, seen);
      record(fmt::format("densify.norm.{}", level), normalised);
      const torch::Tensor full = torch::where(seen > 0, normalised, part.token.to(normalised.scalar_type()));
      const torch::Tensor projected = part.projection->forward(full);
      record(fmt::format("densify.conv.{}", level), projected);
      h = h.defined() ? h + projected : projected;
    }
    h = decoder_[level]->forward(h);
    record(fmt::format("decoder.{}", level), h);
  }
  h = head_->forward(h);
  record("head", h);
  return h;
}

std::int64_t num_visible_cells(std::int64_t cells, double mask_ratio) {
  return std::clamp<std::int64_t>(std::llround(static_cast<double>(cells) * (1.0 - mask_ratio)), 1,
                                  cells - 1);
}

std::vector<std::uint8_t> choose_visible_cells(std::span<const double> numbers, std::int64_t num_visible) {
  std::vector<std::size_t> order(numbers.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return numbers[i]; });
  std::vector<std::uint8_t> visible(numbers.size(), 0);
  for (std::int64_t i = 0; i < num_visible; ++i) visible[order[static_cast<std::size_t>(i)]] = 1;
  return visible;
}

std::vector<std::uint8_t> draw_visible_cells(const SparkOptions& options, Random random,
                                             std::span<const std::uint8_t> brain) {
  const auto cells = static_cast<std::int64_t>(brain.size());
  const bool can_see_brain = std::ranges::find(brain, 1) != brain.end();
  std::vector<double> numbers(brain.size());
  while (true) {
    for (auto& number : numbers) number = random.uniform();
    auto visible = choose_visible_cells(numbers, num_visible_cells(cells, options.mask_ratio));
    bool sees_brain = false;
    for (std::size_t i = 0; i < brain.size(); ++i) sees_brain |= visible[i] != 0 && brain[i] != 0;
    if (sees_brain || !can_see_brain || !options.mask_needs_brain) return visible;
  }
}

std::vector<std::uint8_t> cells_with_brain(std::span<const std::uint8_t> mask, std::int64_t rows,
                                           std::int64_t columns, std::int64_t edge) {
  const std::int64_t cell_columns = columns / edge;
  std::vector<std::uint8_t> brain(static_cast<std::size_t>(rows / edge * cell_columns), 0);
  for (std::int64_t row = 0; row < rows; ++row)
    for (std::int64_t column = 0; column < columns; ++column)
      if (mask[static_cast<std::size_t>(row * columns + column)] != 0)
        brain[static_cast<std::size_t>(row / edge * cell_columns + column / edge)] = 1;
  return brain;
}

torch::Tensor masked_cell_error(const torch::Tensor& restored, const torch::Tensor& slices,
                                const torch::Tensor& visible) {
  const std::int64_t rows = slices.size(2) / visible.size(2), columns = slices.size(3) / visible.size(3);
  const torch::Tensor per_cell = torch::avg_pool2d((restored - slices).square(), {rows, columns});
  return (per_cell * (1 - visible)).sum({1, 2, 3});
}

}  // namespace gyrus
