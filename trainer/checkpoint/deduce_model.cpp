// What the tensors of a published checkpoint say about its model.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

#include "launch/error.hpp"
#include "trainer/checkpoint/import.hpp"

namespace gyrus {
namespace {

class Deduction {
 public:
  Deduction(const PublishedCheckpoint& checkpoint, const std::string& where)
      : checkpoint_(checkpoint), where_(where) {}

  std::vector<std::string> run() {
    const auto stem = extent("diffusion.model.input_blocks.0.0.weight", 0);
    if (!stem) return {};
    base_width_ = *stem;
    if (base_width_ == 0) contradict("input_blocks.0.0.weight has no channels");
    add("base_width", base_width_);
    deduce_levels();
    const auto condition = extent("diffusion.model.label_emb.0.weight", 1);
    const auto encoder_stem = extent("encoder.encoder.conv1.weight", 0);
    if (condition.has_value() != encoder_stem.has_value())
      contradict("it has one of encoder.encoder.* and diffusion.model.label_emb.* without the other");
    overrides_.push_back(fmt::format("model.conditioning={}", condition ? "encoder" : "none"));
    if (!condition) return overrides_;
    add("condition_dim", *condition);
    add("encoder.width", *encoder_stem);
    deduce_encoder_blocks();
    return overrides_;
  }

 private:
  std::optional<std::int64_t> extent(const std::string& name, std::size_t dimension) const {
    const PublishedTensor* tensor = checkpoint_.find(name);
    if (tensor == nullptr || tensor->shape.size() <= dimension) return std::nullopt;
    return tensor->shape[dimension];
  }
  bool has(const std::string& name) const { return checkpoint_.find(name) != nullptr; }
  template <class T>
  void add(const char* option, const T& value) {
    if constexpr (std::is_integral_v<T>)
      overrides_.push_back(fmt::format("model.{}={}", option, value));
    else
      overrides_.push_back(fmt::format("model.{}=[{}]", option, fmt::join(value, ",")));
  }
  [[noreturn]] void contradict(const std::string& why) const {
    throw DataError(
        fmt::format("{}: the model cannot be told from its tensors ({}); give its options, as in `gyrus "
                    "checkpoint import FILE OUT_DIR model=cddpm`",
                    where_, why));
  }

  /// The way down has levels x blocks stages, a stage of halving between two levels, and the first
  /// convolution; the way up has levels x (blocks + 1), of which the last one of each level but the finest
  /// doubles the size.
  void deduce_levels() {
    const auto block = [](const char* way, std::int64_t i, int layer) {
      return fmt::format("diffusion.model.{}.{}.{}.", way, i, layer);
    };
    std::int64_t ups = 0, doublings = 0;
    for (; has(block("output_blocks", ups, 0) + "in_layers.0.weight"); ++ups)
      for (const int layer : {1, 2})
        if (has(block("output_blocks", ups, layer) + "in_layers.0.weight")) ++doublings;
    const std::int64_t levels = doublings + 1, blocks = ups / levels - 1;
    if (blocks < 1 || ups % levels != 0) contradict("output_blocks do not make equal levels");
    std::vector<std::int64_t> multipliers, factors;
    for (std::int64_t level = 0; level < levels; ++level) {
      const std::int64_t first = 1 + level * (blocks + 1);
      const auto width = extent(block("input_blocks", first, 0) + "out_layers.3.weight", 0);
      if (!width || *width % base_width_ != 0) contradict("input_blocks do not make equal levels");
      multipliers.push_back(*width / base_width_);
      if (has(block("input_blocks", first, 1) + "qkv.weight")) factors.push_back(std::int64_t{1} << level);
    }
    add("blocks", blocks);
    add("multipliers", multipliers);
    add("attention_factors", factors);
  }

  void deduce_encoder_blocks() {
    std::vector<std::int64_t> blocks;
    const auto has_block = [&](std::size_t stage, std::int64_t i) {
      return has(fmt::format("encoder.encoder.layer{}.{}.conv1.weight", stage, i));
    };
    while (has_block(blocks.size() + 1, 0)) {
      const std::size_t stage = blocks.size() + 1;
      blocks.push_back(1);
      while (has_block(stage, blocks.back())) ++blocks.back();
    }
    if (blocks.empty()) contradict("encoder.encoder.* has no stages");
    add("encoder.blocks", blocks);
  }

  const PublishedCheckpoint& checkpoint_;
  const std::string& where_;
  std::int64_t base_width_ = 1;
  std::vector<std::string> overrides_;
};

}  // namespace

std::vector<std::string> deduce_model(const PublishedCheckpoint& checkpoint, const std::string& where) {
  return Deduction(checkpoint, where).run();
}

}  // namespace gyrus
