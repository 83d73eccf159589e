#pragma once

#include <filesystem>

#include "trainer/models/diffusion_model.hpp"

namespace gyrus {

/// Gives the model's encoder the weights of a checkpoint or of a run's best one: of a pre-training (all but
/// the last linear layer, which stays as it is), or of a conditioned model. @throws DataError naming every
/// tensor that is missing, left over or of another shape (Q17)
void initialise_encoder(DiffusionModel& model, const std::filesystem::path& checkpoint);

}  // namespace gyrus
