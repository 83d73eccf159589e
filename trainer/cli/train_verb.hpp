#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// `gyrus train [-c NAME] [override ...]`: trains, alone, under mpirun or under srun. Collective over the
/// ranks of the job.
int train_verb(const std::vector<std::string>& arguments);

}  // namespace gyrus
