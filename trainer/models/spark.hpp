#pragma once

#include <torch/nn/module.h>
#include <torch/types.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "data/random.hpp"
#include "launch/config/fields.hpp"
#include "trainer/models/resnet.hpp"

namespace gyrus {

struct SparkOptions {
  double mask_ratio = 0.65;          // share of the cells that the encoder does not see
  std::int64_t decoder_width = 512;  // channels at the coarsest level, halved at each finer one
  bool mask_needs_brain = true;      // Q5

  void fields(Fields& f);
};

/// Masked pre-training of the encoder: it sees some cells of a slice, computed sparsely, and a light decoder
/// restores the rest. A cell is what the encoder's last stage makes one position of (32 x 32 pixels with four
/// stages). State names equal the published checkpoints': `model.sparse_encoder.sp_cnn.*`, ...
/// Reference: Tian et al. 2023, arXiv 2301.03580; method section 4.
class SparkModel : public torch::nn::Module {
 public:
  /// @throws ConfigError when the encoder's norms cannot be sparse or the decoder is too narrow
  SparkModel(const EncoderOptions& encoder, const SparkOptions& options);

  /// @param slices   [B, 1, H, W], about [0, 1]; H and W are multiples of the cell
  /// @param visible  [B, 1, H / cell, W / cell], 0/1
  /// @param keep     [blocks, B] or undefined, as for ResNet::forward
  /// @returns the restored slices [B, 1, H, W]; visible cells hold the decoder's output too
  torch::Tensor forward(const torch::Tensor& slices, const torch::Tensor& visible,
                        const torch::Tensor& keep = {});

  ResNet& encoder() { return *encoder_; }

  /// Name and output of every part of the last forward pass, kept only when asked for.
  void record_blocks(bool on);
  const std::vector<std::pair<std::string, torch::Tensor>>& recorded_blocks() const { return recorded_; }

 private:
  /// Brings one level of the encoder to the decoder: norm, learned token in unseen cells, convolution.
  struct Densify {
    std::shared_ptr<GroupBatchNorm> norm;
    torch::Tensor token;  // [1, C, 1, 1]
    std::shared_ptr<Convolution> projection;
  };
  struct DecoderBlock;

  void record(const std::string& name, const torch::Tensor& value);

  std::shared_ptr<ResNet> encoder_;
  std::vector<Densify> densify_;  // coarsest level first
  std::vector<std::shared_ptr<DecoderBlock>> decoder_;
  std::shared_ptr<Convolution> head_;
  bool recording_ = false;
  std::vector<std::pair<std::string, torch::Tensor>> recorded_;
};

/// How many of `cells` cells stay visible: at least one, and never all. @pre cells > 1
std::int64_t num_visible_cells(std::int64_t cells, double mask_ratio);

/// 1 for the `num_visible` cells with the smallest numbers, 0 for the others.
std::vector<std::uint8_t> choose_visible_cells(std::span<const double> numbers, std::int64_t num_visible);

/// Cells of one slice that stay visible, row after row. Determinism: depends on the arguments alone.
/// @param brain  [rows of cells, columns of cells]: whether a cell has brain
std::vector<std::uint8_t> draw_visible_cells(const SparkOptions& options, Random random,
                                             std::span<const std::uint8_t> brain);

/// Whether each cell of `edge` x `edge` pixels has brain. @param mask  [rows, columns]
std::vector<std::uint8_t> cells_with_brain(std::span<const std::uint8_t> mask, std::int64_t rows,
                                           std::int64_t columns, std::int64_t edge);

/// Squared error of each cell that was not visible, averaged over its pixels, summed over cells.
/// @returns [B]
torch::Tensor masked_cell_error(const torch::Tensor& restored, const torch::Tensor& slices,
                                const torch::Tensor& visible);

}  // namespace gyrus
