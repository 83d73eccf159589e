#pragma once

#include <hdf5.h>

#include <cstddef>

#include "data/storage/codec.hpp"

namespace gyrus::h5 {

/// Makes the filters lz4 and zstd known to the library, so that files with them are read and written without
/// plugins. Called once, before any file is opened.
void register_filters();

/// Gives the creation properties of a dataset the filters of `codec`.
void set_filters(hid_t properties, Codec codec, std::size_t element_bytes);

}  // namespace gyrus::h5
