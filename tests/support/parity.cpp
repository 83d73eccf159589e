#include "tests/support/parity.hpp"

#include <torch/torch.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

#include "tests/support/source_dir.hpp"

namespace gyrus::parity {
namespace {

std::uint64_t fnv1a(const std::string& text) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (const unsigned char byte : text) hash = (hash ^ byte) * 1099511628211ULL;
  return hash;
}

std::uint64_t splitmix(std::uint64_t seed, std::uint64_t index) {
  std::uint64_t z = seed + (index + 1) * 0x9E3779B97F4A7C15ULL;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ULL;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBULL;
  return z ^ (z >> 31);
}

double largest(const torch::Tensor& t) {
  return t.numel() == 0 ? 0.0 : t.abs().max().item<double>();
}

/// The error of `a` against `b` in the fixtures' metric (README of the fixtures, section 1).
double error_of(const std::string& metric, const torch::Tensor& a, const torch::Tensor& b,
                const Case& parity_case, const std::string& path) {
  const torch::Tensor difference = (a - b).abs();
  const auto sibling = [&](const std::string& name) {
    return parity_case.tensor(path.substr(0, path.rfind('/') + 1) + name).flatten();
  };
  if (metric == "abs_max") return largest(difference);
  if (metric == "rel_max") return largest(difference) / std::max(largest(b), 1e-300);
  if (metric == "rel_l2") return difference.norm().item<double>() / b.norm().item<double>();
  if (metric == "rel_each") return largest(torch::where(b == 0, difference, difference / b.abs()));
  if (metric == "rel_each_big") {
    const torch::Tensor big = b.abs() > 0.01 * largest(b);
    return largest((difference / b.abs()).masked_select(big));
  }
  if (metric == "rel_rms") return largest(difference / sibling("rms"));
  if (metric == "rel_grad") {
    const torch::Tensor norm = sibling("grad_norm");
    return largest((difference / (norm + 0.01 * torch::nan_to_num(norm).max())).nan_to_num());
  }
  if (metric == "rel_stat") return largest((difference / sibling("stat_norm_after")).nan_to_num());
  ADD_FAILURE() << "unknown metric " << metric << " of " << path;
  return NAN;
}

std::map<std::string, torch::Tensor> state_of(const torch::nn::Module& model, const std::string& prefix) {
  std::map<std::string, torch::Tensor> state;
  for (const auto& item : model.named_parameters()) state[prefix + item.key()] = item.value();
  for (const auto& item : model.named_buffers()) state[prefix + item.key()] = item.value();
  return state;
}

torch::Tensor project(const torch::Tensor& value, const std::string& text) {
  const torch::Tensor flat = value.detach().to(torch::kFloat64).contiguous().flatten();
  return flat.dot(uniform(text, flat.numel()));
}

}  // namespace

std::ostream& operator<<(std::ostream& stream, const CaseInType& each) {
  return stream << each.name << (each.type == torch::kFloat64 ? " in float64" : " in float32");
}

std::vector<CaseInType> cases_named(const std::vector<std::string>& prefixes) {
  std::set<std::string> names;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(folder(), none)) {
    const std::string name = entry.path().stem().string();
    if (entry.path().extension() == ".h5" &&
        std::ranges::any_of(prefixes, [&](const auto& prefix) { return name.starts_with(prefix); }))
      names.insert(name);
  }
  if (names.empty()) names.insert(prefixes.front());
  std::vector<CaseInType> cases;
  for (const auto& name : names)
    for (const auto type : {torch::kFloat32, torch::kFloat64}) cases.push_back({name, type});
  return cases;
}

std::string label(const testing::TestParamInfo<CaseInType>& info) {
  std::string text = info.param.name + (info.param.type == torch::kFloat64 ? "_f64" : "_f32");
  std::ranges::replace_if(
      text, [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
  return text;
}

void CaseTest::SetUp() {
  torch::set_num_threads(1);
  if (!Case::available(GetParam().name))
    GTEST_SKIP() << "skipped: no parity case " << GetParam().name << " at " << folder();
}

std::filesystem::path folder() {
  if (const char* given = std::getenv("GYRUS_PARITY")) return given;
  return test::source_dir() / ".." / "shared" / "parity";
}

bool Case::available(const std::string& name) {
  return std::filesystem::exists(folder() / (name + ".h5"));
}

Case::Case(const std::string& name)
    : file_(H5Fopen((folder() / (name + ".h5")).c_str(), H5F_ACC_RDONLY, H5P_DEFAULT)), name_(name) {
  if (file_ < 0) throw std::runtime_error("cannot open the parity case " + name);
}

Case::~Case() {
  H5Fclose(file_);
}

bool Case::has(const std::string& path) const {
  std::string partial;
  for (std::size_t at = 0; at != std::string::npos;) {
    at = path.find('/', at + 1);
    partial = path.substr(0, at);
    if (H5Lexists(file_, partial.c_str(), H5P_DEFAULT) <= 0) return false;
  }
  return true;
}

std::vector<std::string> Case::names(const std::string& group) const {
  const hid_t id = H5Gopen2(file_, group.c_str(), H5P_DEFAULT);
  if (id < 0) throw std::runtime_error(name_ + ": no group " + group);
  H5G_info_t info;
  H5Gget_info(id, &info);
  std::vector<std::string> result;
  for (hsize_t i = 0; i < info.nlinks; ++i) {
    char name[256];
    H5Lget_name_by_idx(id, ".", H5_INDEX_NAME, H5_ITER_INC, i, name, sizeof name, H5P_DEFAULT);
    if (!std::string(name).ends_with("_f32")) result.emplace_back(name);
  }
  H5Gclose(id);
  return result;
}

torch::Tensor Case::tensor(const std::string& path) const {
  const hid_t dataset = H5Dopen2(file_, path.c_str(), H5P_DEFAULT);
  if (dataset < 0) throw std::runtime_error(name_ + ": no dataset " + path);
  const hid_t space = H5Dget_space(dataset), type = H5Dget_type(dataset);
  hsize_t dims[8];
  const int rank = H5Sget_simple_extent_dims(space, dims, nullptr);
  std::vector<std::int64_t> shape(dims, dims + std::max(rank, 0));
  const bool real = H5Tget_class(type) == H5T_FLOAT;
  torch::Tensor result = torch::empty(shape, real ? torch::kFloat64 : torch::kInt64);
  const herr_t status = H5Dread(dataset, real ? H5T_NATIVE_DOUBLE : H5T_NATIVE_INT64, H5S_ALL, H5S_ALL,
                                H5P_DEFAULT, result.data_ptr());
  H5Tclose(type);
  H5Sclose(space);
  H5Dclose(dataset);
  if (status < 0) throw std::runtime_error(name_ + ": cannot read " + path);
  return result;
}

std::vector<std::int64_t> Case::integers(const std::string& path) const {
  const torch::Tensor values = tensor(path).to(torch::kInt64).contiguous();
  return {values.data_ptr<std::int64_t>(), values.data_ptr<std::int64_t>() + values.numel()};
}

std::vector<std::string> Case::texts(const std::string& path) const {
  const hid_t dataset = H5Dopen2(file_, path.c_str(), H5P_DEFAULT);
  const hid_t type = H5Dget_type(dataset), space = H5Dget_space(dataset);
  const std::size_t width = H5Tget_size(type);
  const auto count = static_cast<std::size_t>(H5Sget_simple_extent_npoints(space));
  std::string raw(width * count, '\0');
  H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, raw.data());
  H5Sclose(space);
  H5Tclose(type);
  H5Dclose(dataset);
  std::vector<std::string> result;
  for (std::size_t i = 0; i < count; ++i) result.emplace_back(raw.substr(i * width, width).c_str());
  return result;
}

std::vector<std::string> Case::paths_to_compare() const {
  std::vector<std::string> paths;
  const auto visit = [](hid_t group, const char* name, const H5L_info_t*, void* found) -> herr_t {
    if (H5Aexists_by_name(group, name, "metric", H5P_DEFAULT) > 0)
      static_cast<std::vector<std::string>*>(found)->emplace_back(name);
    return 0;
  };
  H5Lvisit(file_, H5_INDEX_NAME, H5_ITER_NATIVE, visit, &paths);
  return paths;
}

std::string Case::text_attribute(const std::string& path, const std::string& name) const {
  const hid_t attribute_id = H5Aopen_by_name(file_, path.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (attribute_id < 0) return {};
  const hid_t type = H5Aget_type(attribute_id);
  std::string raw(H5Tget_size(type) + 1, '\0');
  H5Aread(attribute_id, type, raw.data());
  H5Tclose(type);
  H5Aclose(attribute_id);
  return raw.c_str();
}

double Case::attribute(const std::string& path, const std::string& name) const {
  const hid_t attribute_id = H5Aopen_by_name(file_, path.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT);
  if (attribute_id < 0) throw std::runtime_error(name_ + ": " + path + " has no attribute " + name);
  double value = 0.0;
  H5Aread(attribute_id, H5T_NATIVE_DOUBLE, &value);
  H5Aclose(attribute_id);
  return value;
}

void Case::expect(const std::string& path, const torch::Tensor& result, torch::ScalarType type) const {
  expect(path, result, type, {});
}

void Case::expect(const std::string& path, const torch::Tensor& result, torch::ScalarType type,
                  const torch::Tensor& mask, const std::string& tolerance_name) const {
  torch::Tensor expected = tensor(path).to(torch::kFloat64).flatten();
  torch::Tensor actual = result.detach().to(torch::kCPU, torch::kFloat64).flatten();
  ASSERT_EQ(expected.numel(), actual.numel()) << name_ << " " << path;
  const std::string metric = text_attribute(path, "metric");
  torch::Tensor use = ~expected.isnan();
  if (mask.defined()) use = use & mask;
  ASSERT_FALSE(actual.isnan().logical_and(use).any().item<bool>())
      << name_ << " " << path << ": a value is missing";
  // Left-out entries become equal, so that metrics with siblings keep their rows.
  actual = torch::where(use, actual, torch::zeros_like(actual));
  expected = torch::where(use, expected, torch::zeros_like(expected));
  const double error = error_of(metric, actual, expected, *this, path);
  const bool wide = type == torch::kFloat64;
  const double tolerance = attribute(path, !tolerance_name.empty() ? tolerance_name
                                           : wide                  ? "tolerance_f64"
                                                                   : "tolerance");
  std::printf("parity %-28s %-34s %-12s %s observed %.2e tolerance %.0e\n", name_.c_str(), path.c_str(),
              metric.c_str(), wide ? "f64" : "f32", error, tolerance);
  EXPECT_LE(error, tolerance) << name_ << " " << path << " (" << metric << ")";
}

torch::Tensor uniform(const std::string& text, std::int64_t count) {
  const std::uint64_t seed = fnv1a(text);
  torch::Tensor values = torch::empty({count}, torch::kFloat64);
  auto* data = values.data_ptr<double>();
  for (std::int64_t i = 0; i < count; ++i)
    data[i] = static_cast<double>(splitmix(seed, static_cast<std::uint64_t>(i)) >> 11) * 0x1.0p-52 - 1.0;
  return values;
}

torch::Tensor fill(const std::string& salt, const std::string& name, at::IntArrayRef shape, double offset,
                   double scale, torch::ScalarType type) {
  const torch::Tensor u = uniform(salt + "/" + name, c10::multiply_integers(shape));
  return (u * scale + offset).to(torch::kFloat32).to(type).view(shape);
}

void fill_model(const Case& parity_case, torch::nn::Module& model, torch::ScalarType type,
                const std::string& prefix) {
  const torch::NoGradGuard no_gradient;
  model.to(type);
  auto state = state_of(model, prefix);
  const std::string salt = parity_case.text_attribute("/", "fill_salt");
  const auto names = parity_case.texts("/params/name");
  const torch::Tensor offset = parity_case.tensor("/params/offset"),
                      scale = parity_case.tensor("/params/scale");
  const torch::Tensor first4 = parity_case.tensor("/params/first4"),
                      shape = parity_case.tensor("/params/shape");
  for (std::size_t i = 0; i < names.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i);
    const auto found = state.find(names[i]);
    ASSERT_NE(found, state.end()) << "gyrus has no tensor " << names[i];
    torch::Tensor& target = found->second;
    for (std::int64_t d = 0; d < target.dim(); ++d)
      ASSERT_EQ(target.size(d), shape[row][d].item<std::int64_t>()) << names[i];
    target.copy_(
        fill(salt, names[i], target.sizes(), offset[row].item<double>(), scale[row].item<double>(), type));
    const torch::Tensor begin = target.flatten().slice(0, 0, 4).to(torch::kFloat64);
    ASSERT_LT(largest(begin - first4[row].slice(0, 0, begin.numel())), 1e-7) << names[i];
    state.erase(found);
  }
  EXPECT_TRUE(state.empty()) << "the case does not fill " << (state.empty() ? "" : state.begin()->first);
}

torch::Tensor rows_named(const Case& parity_case, const std::string& prefix) {
  std::vector<std::int64_t> rows;
  for (const auto& name : parity_case.texts("/params/name")) rows.push_back(name.starts_with(prefix) ? 1 : 0);
  return torch::tensor(rows, torch::kInt64).to(torch::kBool);
}

Projections gradient_projections(const Case& parity_case, const torch::nn::Module& model,
                                 const std::string& prefix) {
  const auto state = state_of(model, prefix);
  const std::string salt = parity_case.text_attribute("/", "fill_salt");
  std::vector<double> norms, dots;
  for (const auto& name : parity_case.texts("/params/name")) {
    const auto found = state.find(name);
    const bool present = found != state.end() && found->second.grad().defined();
    norms.push_back(present ? found->second.grad().to(torch::kFloat64).norm().item<double>() : NAN);
    dots.push_back(present ? project(found->second.grad(), salt + "/dot/" + name).item<double>() : NAN);
  }
  return {torch::tensor(norms, torch::kFloat64), torch::tensor(dots, torch::kFloat64)};
}

Projections statistic_projections(const Case& parity_case, const torch::nn::Module& model,
                                  const std::string& prefix) {
  const auto state = state_of(model, prefix);
  const std::string salt = parity_case.text_attribute("/", "fill_salt");
  std::vector<double> norms, dots;
  for (const auto& name : parity_case.texts("/params/name")) {
    const torch::Tensor value = state.at(name).detach();
    norms.push_back(value.to(torch::kFloat64).norm().item<double>());
    dots.push_back(project(value, salt + "/dot/after/" + name).item<double>());
  }
  return {torch::tensor(norms, torch::kFloat64), torch::tensor(dots, torch::kFloat64)};
}

void expect_blocks(const Case& parity_case, const std::string& group,
                   const std::vector<std::pair<std::string, torch::Tensor>>& recorded,
                   torch::ScalarType type) {
  std::map<std::string, torch::Tensor> by_name(recorded.begin(), recorded.end());
  const std::string salt = parity_case.text_attribute("/", "fill_salt");
  std::vector<double> rms, dot;
  for (const auto& name : parity_case.texts(group + "/name")) {
    ASSERT_TRUE(by_name.contains(name)) << "no block " << name;
    const torch::Tensor value = by_name.at(name).detach().to(torch::kFloat64);
    const double count = static_cast<double>(value.numel());
    rms.push_back(value.norm().item<double>() / std::sqrt(count));
    dot.push_back(project(value, salt + "/dot/block/" + name).item<double>() / std::sqrt(count));
  }
  parity_case.expect(group + "/rms", torch::tensor(rms, torch::kFloat64), type);
  parity_case.expect(group + "/dot", torch::tensor(dot, torch::kFloat64), type);
}

}  // namespace gyrus::parity
