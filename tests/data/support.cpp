#include "tests/data/support.hpp"

#include <nifti1.h>
#include <zlib.h>

#include <algorithm>
#include <cstring>

#include "launch/config/config.hpp"

namespace gyrus::test {

DataOptions shipped_data(const std::string& name, const std::vector<std::string>& overrides) {
  DataOptions options;
  std::vector<std::string> all = {"data=" + name};
  all.insert(all.end(), overrides.begin(), overrides.end());
  Config::compose({.config_folder = source_dir() / "configs",
                   .extra_folders = {},
                   .overrides = all,
                   .allow_new_keys = true})
      .bind("data", options);
  options.validate();
  return options;
}

void NiftiFile::write(const std::filesystem::path& path) const {
  nifti_1_header header{};
  header.sizeof_hdr = 348;
  header.dim[0] = static_cast<short>(shape.size());
  std::fill(header.dim + 1, header.dim + 8, short{1});
  std::copy(shape.begin(), shape.end(), header.dim + 1);
  header.datatype = datatype;
  header.bitpix = datatype == 16 || datatype == 8      ? 32
                  : datatype == 64 || datatype == 1024 ? 64
                  : datatype == 4                      ? 16
                  : datatype == 128                    ? 24
                                                       : 8;
  header.pixdim[0] = qfac;
  std::copy(spacing.begin(), spacing.end(), header.pixdim + 1);
  header.vox_offset = 352;
  header.scl_slope = slope;
  header.scl_inter = intercept;
  header.xyzt_units = NIFTI_UNITS_MM;
  header.sform_code = sform_code;
  header.qform_code = qform_code;
  header.quatern_d = 1.0f;
  std::copy_n(affine.begin(), 4, header.srow_x);
  std::copy_n(affine.begin() + 4, 4, header.srow_y);
  std::copy_n(affine.begin() + 8, 4, header.srow_z);
  std::memcpy(header.magic, "n+1", 4);
  std::string bytes(reinterpret_cast<const char*>(&header), sizeof header);
  bytes.append(4, '\0');
  bytes += voxels;
  if (path.extension() != ".gz") {
    write_text(path, bytes);
    return;
  }
  const gzFile file = gzopen(path.c_str(), "wb1");
  gzwrite(file, bytes.data(), static_cast<unsigned>(bytes.size()));
  gzclose(file);
}

}  // namespace gyrus::test
