#pragma once

#include <string>
#include <vector>

namespace gyrus {

/// `gyrus eval checkpoint=PATH [override ...]`: finds thresholds on the threshold sets, tests with them on
/// the test sets, and writes per-patient tables and a summary. Collective over the ranks of the job; results
/// are equal for every number of ranks.
int eval_verb(const std::vector<std::string>& arguments);

}  // namespace gyrus
