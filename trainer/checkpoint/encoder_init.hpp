#pragma once

#include <filesystem>

#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// The checkpoint that a path means: itself, or a run's best one, or its newest valid one.
/// @throws DataError when there is none
std::filesystem::path find_checkpoint(const std::filesystem::path& path);

/// Gives the model's encoder the weights of a checkpoint: of a pre-training (all but the last linear layer,
/// which stays as it is), or of a conditioned model. @throws DataError naming every tensor that is missing,
/// left over or of another shape (Q17)
void initialise_encoder(DiffusionModel& model, const std::filesystem::path& checkpoint);

}  // namespace gyrus
