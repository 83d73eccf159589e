#include "data/storage/h5.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <numeric>

#include "data/storage/h5_filters.hpp"
#include "launch/error.hpp"
#include "launch/files.hpp"

static_assert(std::endian::native == std::endian::little,
              "files are little-endian and read without conversion");

namespace gyrus::h5 {
namespace {

template <herr_t (*Close)(hid_t)>
struct IdTraits {
  using type = hid_t;
  static hid_t null() { return -1; }
  static void close(hid_t id) { Close(id); }
};
using Dataset = Handle<IdTraits<H5Dclose>>;
using Space = Handle<IdTraits<H5Sclose>>;
using Datatype = Handle<IdTraits<H5Tclose>>;
using Attribute = Handle<IdTraits<H5Aclose>>;
using Properties = Handle<IdTraits<H5Pclose>>;
using Object = Handle<IdTraits<H5Oclose>>;

/// HDF5 prints its error stack to stderr unless each thread tells it not to; our messages say what a person
/// needs.
void set_up_library() {
  static std::once_flag once;
  std::call_once(once, register_filters);
  thread_local const bool is_silent = H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr) >= 0;
  require(is_silent, "HDF5 can be told to be silent");
}

hid_t memory_type(Type type) {
  switch (type) {
    case Type::f32:
      return H5T_NATIVE_FLOAT;
    case Type::f64:
      return H5T_NATIVE_DOUBLE;
    case Type::u8:
      return H5T_NATIVE_UINT8;
    case Type::u16:
      return H5T_NATIVE_UINT16;
    case Type::i32:
      return H5T_NATIVE_INT32;
    case Type::u32:
      return H5T_NATIVE_UINT32;
    case Type::i64:
      return H5T_NATIVE_INT64;
    case Type::u64:
      return H5T_NATIVE_UINT64;
  }
  require(false, "every element type has an HDF5 type");
  return -1;
}

Space make_space(const std::vector<std::int64_t>& shape) {
  const std::vector<hsize_t> sizes(shape.begin(), shape.end());
  return Space(H5Screate_simple(static_cast<int>(sizes.size()), sizes.data(), nullptr));
}

Properties with_parents() {
  Properties properties(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(properties.get(), 1);
  return properties;
}

/// Without time stamps, so that equal content gives equal files.
Properties dataset_creation() {
  Properties properties(H5Pcreate(H5P_DATASET_CREATE));
  H5Pset_obj_track_times(properties.get(), false);
  return properties;
}

/// Fixed-length text of a file, without the padding.
std::string trimmed(const char* text, std::size_t length) {
  std::size_t end = std::find(text, text + length, '\0') - text;
  while (end > 0 && text[end - 1] == ' ') --end;
  return std::string(text, end);
}

/// HDF5 tells no more than that a file does not open.
std::string why_not_opened(const std::filesystem::path& path) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return fmt::format("cannot be read: {}", std::strerror(errno));
  const char* const locking = std::getenv("HDF5_USE_FILE_LOCKING");
  const bool locks =
      locking != nullptr && std::strcmp(locking, "FALSE") != 0 && std::strcmp(locking, "0") != 0;
  const bool is_locked = locks && ::flock(file.get(), LOCK_SH | LOCK_NB) != 0;
  if (is_locked)
    return fmt::format(
        "cannot be opened: another program may have it locked, and HDF5_USE_FILE_LOCKING is {}; "
        "wait for it, or unset the variable",
        locking);
  return H5Fis_hdf5(path.c_str()) > 0 ? "is a damaged or truncated HDF5 file" : "is not an HDF5 file";
}

}  // namespace

std::mutex& library_mutex() {
  static std::mutex mutex;
  return mutex;
}

void FileTraits::close(hid_t id) {
  H5Fclose(id);
}

void File::fail(const std::string& what) const {
  throw DataError(fmt::format("{}: {}", name_, what));
}

File File::open(const std::filesystem::path& path) {
  set_up_library();
  if (!std::filesystem::exists(path)) throw DataError(fmt::format("{} does not exist", path.string()));
  Properties access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_file_locking(access.get(), false, true);
  const hid_t id = H5Fopen(path.c_str(), H5F_ACC_RDONLY, access.get());
  if (id < 0) throw DataError(fmt::format("{} {}", path.string(), why_not_opened(path)));
  return File(id, path.string());
}

File File::create_in_memory() {
  set_up_library();
  Properties access(H5Pcreate(H5P_FILE_ACCESS));
  H5Pset_fapl_core(access.get(), std::size_t{4} << 20, false);
  // HDF5 takes two files of one name for one file.
  static std::atomic<int> number{0};
  const std::string unique_name = fmt::format("in memory {}", number++);
  const hid_t id = H5Fcreate(unique_name.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get());
  require(id >= 0, "HDF5 creates a file in memory");
  return File(id, "HDF5 file in memory");
}

bool File::has(const std::string& name) const {
  // H5Lexists wants every parent to exist.
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos; slash = name.find('/', slash + 1)) {
    if (H5Lexists(id_.get(), name.substr(0, slash).c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return H5Lexists(id_.get(), name.c_str(), H5P_DEFAULT) > 0;
}

bool File::has_attribute(const std::string& object, const std::string& name) const {
  return H5Aexists_by_name(id_.get(), object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

std::vector<std::string> File::children(const std::string& group) const {
  const Object object(H5Oopen(id_.get(), group.c_str(), H5P_DEFAULT));
  std::vector<std::string> names;
  const auto collect = [](hid_t, const char* name, const H5L_info_t*, void* result) -> herr_t {
    static_cast<std::vector<std::string>*>(result)->emplace_back(name);
    return 0;
  };
  if (!object || H5Literate(object.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &names) < 0) {
    fail("has no group " + group);
  }
  return names;
}

std::vector<std::int64_t> File::shape(const std::string& dataset) const {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  if (!opened) fail("has no dataset " + dataset);
  const Space space(H5Dget_space(opened.get()));
  std::vector<hsize_t> sizes(std::max(0, H5Sget_simple_extent_ndims(space.get())));
  H5Sget_simple_extent_dims(space.get(), sizes.data(), nullptr);
  return {sizes.begin(), sizes.end()};
}

std::size_t File::num_elements(const std::string& dataset) const {
  const auto sizes = shape(dataset);
  const auto count = std::accumulate(sizes.begin(), sizes.end(), std::int64_t{1}, std::multiplies<>());
  // A damaged header may claim any size; no memory is taken for what cannot be true.
  if (count < 0 || count > (std::int64_t{1} << 33)) fail("claims an absurd size of dataset " + dataset);
  return static_cast<std::size_t>(count);
}

void File::read_into(const std::string& dataset, void* values, Type type) const {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  if (!opened || H5Dread(opened.get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0) {
    fail("cannot read dataset " + dataset);
  }
}

void File::read_slice(const std::string& dataset, std::int64_t slice, std::span<float> values) const {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  if (!opened) fail("has no dataset " + dataset);
  const Space in_file(H5Dget_space(opened.get()));
  const auto sizes = shape(dataset);
  std::vector<hsize_t> start(sizes.size(), 0), count(sizes.begin(), sizes.end());
  count[0] = 1;
  start[0] = static_cast<hsize_t>(slice);
  if (sizes.size() == 4) {
    start[0] = static_cast<hsize_t>(slice / sizes[1]);
    start[1] = static_cast<hsize_t>(slice % sizes[1]);
    count[1] = 1;
  }
  const Space in_memory = make_space({static_cast<std::int64_t>(values.size())});
  if (H5Sselect_hyperslab(in_file.get(), H5S_SELECT_SET, start.data(), nullptr, count.data(), nullptr) < 0 ||
      H5Dread(opened.get(), H5T_NATIVE_FLOAT, in_memory.get(), in_file.get(), H5P_DEFAULT, values.data()) < 0)
    fail(fmt::format("cannot read slice {} of {}", slice, dataset));
}

std::vector<std::string> File::read_texts(const std::string& dataset) const {
  const std::size_t count = num_elements(dataset);
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  const Datatype type(H5Dget_type(opened.get()));
  if (H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) > 0) {
    fail("dataset " + dataset + " does not hold fixed-length text");
  }
  const std::size_t length = H5Tget_size(type.get());
  std::vector<char> buffer(count * length);
  if (H5Dread(opened.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data()) < 0) {
    fail("cannot read dataset " + dataset);
  }
  std::vector<std::string> texts;
  for (std::size_t i = 0; i < count; ++i) texts.push_back(trimmed(buffer.data() + i * length, length));
  return texts;
}

std::string File::read_text(const std::string& dataset) const {
  const auto texts = read_texts(dataset);
  if (texts.size() != 1) fail("dataset " + dataset + " does not hold one text");
  return texts.front();
}

void File::read_attribute(const std::string& object, const std::string& name, void* value, Type type) const {
  const Attribute attribute(
      H5Aopen_by_name(id_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT));
  if (!attribute || H5Aread(attribute.get(), memory_type(type), value) < 0) {
    fail(fmt::format("cannot read attribute {} of {}", name, object));
  }
}

std::string File::text_attribute(const std::string& object, const std::string& name) const {
  const Attribute attribute(
      H5Aopen_by_name(id_.get(), object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT));
  const Datatype type(attribute ? H5Aget_type(attribute.get()) : -1);
  if (!attribute || H5Tget_class(type.get()) != H5T_STRING || H5Tis_variable_str(type.get()) > 0) {
    fail(fmt::format("cannot read text attribute {} of {}", name, object));
  }
  std::vector<char> buffer(H5Tget_size(type.get()));
  if (H5Aread(attribute.get(), type.get(), buffer.data()) < 0) fail("cannot read attribute " + name);
  return trimmed(buffer.data(), buffer.size());
}

void File::create(const std::string& dataset, const std::vector<std::int64_t>& shape, Type type) {
  const Properties creation = dataset_creation();
  H5Pset_alloc_time(creation.get(), H5D_ALLOC_TIME_EARLY);
  const Dataset created(H5Dcreate2(id_.get(), dataset.c_str(), memory_type(type), make_space(shape).get(),
                                   with_parents().get(), creation.get(), H5P_DEFAULT));
  if (!created) fail("cannot create dataset " + dataset);
}

void File::write_from(const std::string& dataset, const void* values, std::size_t count, Type type) {
  require(count == num_elements(dataset), "shape and values agree");
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  if (!opened || H5Dwrite(opened.get(), memory_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    fail("cannot write dataset " + dataset);
}

void File::write_texts(const std::string& dataset, const std::vector<std::string>& texts) {
  std::size_t length = 1;
  for (const auto& text : texts) length = std::max(length, text.size());
  std::vector<char> buffer(std::max<std::size_t>(1, texts.size() * length));
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::copy(texts[i].begin(), texts[i].end(), &buffer[i * length]);
  const Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), length);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  const Space space = make_space({static_cast<std::int64_t>(texts.size())});
  const Dataset created(H5Dcreate2(id_.get(), dataset.c_str(), type.get(), space.get(), with_parents().get(),
                                   dataset_creation().get(), H5P_DEFAULT));
  if (!created || H5Dwrite(created.get(), type.get(), H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer.data()) < 0) {
    fail("cannot write dataset " + dataset);
  }
}

void File::write_attribute(const std::string& object, const std::string& name, std::int64_t value) {
  const Space space(H5Screate(H5S_SCALAR));
  const Attribute created(H5Acreate_by_name(id_.get(), object.c_str(), name.c_str(), H5T_STD_I64LE,
                                            space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (!created || H5Awrite(created.get(), H5T_NATIVE_INT64, &value) < 0)
    fail("cannot write attribute " + name);
}

void File::write_attribute(const std::string& object, const std::string& name, double value) {
  const Space space(H5Screate(H5S_SCALAR));
  const Attribute created(H5Acreate_by_name(id_.get(), object.c_str(), name.c_str(), H5T_IEEE_F64LE,
                                            space.get(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (!created || H5Awrite(created.get(), H5T_NATIVE_DOUBLE, &value) < 0)
    fail("cannot write attribute " + name);
}

void File::write_attribute(const std::string& object, const std::string& name, const std::string& text) {
  const Space space(H5Screate(H5S_SCALAR));
  const Datatype type(H5Tcopy(H5T_C_S1));
  H5Tset_size(type.get(), std::max<std::size_t>(1, text.size()));
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  const Attribute created(H5Acreate_by_name(id_.get(), object.c_str(), name.c_str(), type.get(), space.get(),
                                            H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT));
  if (!created || H5Awrite(created.get(), type.get(), text.c_str()) < 0)
    fail("cannot write attribute " + name);
}

void File::create_sliced(const std::string& dataset, const std::vector<std::int64_t>& shape, Type type,
                         Codec codec) {
  std::vector<hsize_t> chunk(shape.begin(), shape.end());
  chunk.front() = 1;
  const Properties creation = dataset_creation();
  H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
  set_filters(creation.get(), codec, H5Tget_size(memory_type(type)));
  const Dataset created(H5Dcreate2(id_.get(), dataset.c_str(), memory_type(type), make_space(shape).get(),
                                   with_parents().get(), creation.get(), H5P_DEFAULT));
  if (!created) fail("cannot create dataset " + dataset);
}

void File::write_slice_chunk(const std::string& dataset, std::int64_t slice,
                             std::span<const std::byte> bytes) {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  const hsize_t offset[3] = {static_cast<hsize_t>(slice), 0, 0};
  if (!opened || H5Dwrite_chunk(opened.get(), H5P_DEFAULT, 0, offset, bytes.size(), bytes.data()) < 0) {
    fail(fmt::format("cannot write slice {} of {}", slice, dataset));
  }
}

Place File::place(const std::string& dataset) const {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  const haddr_t address = opened ? H5Dget_offset(opened.get()) : HADDR_UNDEF;
  if (address == HADDR_UNDEF) fail("has no dataset " + dataset + " in one piece");
  return {address, H5Dget_storage_size(opened.get())};
}

std::vector<Place> File::slice_chunks(const std::string& dataset) const {
  const Dataset opened(H5Dopen2(id_.get(), dataset.c_str(), H5P_DEFAULT));
  if (!opened) fail("has no dataset " + dataset);
  hsize_t count = 0;
  const Space space(H5Dget_space(opened.get()));
  if (H5Dget_num_chunks(opened.get(), space.get(), &count) < 0) fail("cannot count the chunks of " + dataset);
  std::vector<Place> places(count);
  for (hsize_t i = 0; i < count; ++i) {
    hsize_t position[3] = {0, 0, 0}, bytes = 0;
    unsigned filters = 0;
    haddr_t address = 0;
    if (H5Dget_chunk_info(opened.get(), space.get(), i, position, &filters, &address, &bytes) < 0 ||
        position[0] >= count) {
      fail("cannot find the chunks of " + dataset);
    }
    places[position[0]] = {address, bytes};
  }
  return places;
}

std::vector<std::byte> File::image() const {
  if (H5Fflush(id_.get(), H5F_SCOPE_GLOBAL) < 0) fail("cannot flush");
  const ssize_t size = H5Fget_file_image(id_.get(), nullptr, 0);
  if (size < 0) fail("cannot be turned into bytes");
  std::vector<std::byte> bytes(static_cast<std::size_t>(size));
  if (H5Fget_file_image(id_.get(), bytes.data(), bytes.size()) != size) fail("cannot be turned into bytes");
  return bytes;
}

}  // namespace gyrus::h5
