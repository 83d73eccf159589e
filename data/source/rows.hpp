#pragma once

#include <string>

#include "data/source/options.hpp"
#include "data/source/table.hpp"

namespace gyrus {

/// The rows of a source, one per volume, with all columns that its patterns may use: of its table, its names
/// or the scan of its folder; `modality` and `MODALITY`; the parts of `extract`; the columns of `join`. The
/// columns of the source's own rows come first: others of the same name are left out.
/// @param wanted_by  data.source.NAME, for messages
/// @throws DataError
Table rows_of(const SourceOptions& source, const std::string& modality, const std::string& wanted_by);

}  // namespace gyrus
