#pragma once

#include <gtest/gtest.h>
#include <hdf5.h>
#include <torch/nn/module.h>
#include <torch/types.h>

#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

/// Access to the parity fixtures: reference numbers of the published implementation, one HDF5 file per case.
namespace gyrus::parity {

/// ${GYRUS_PARITY}, default ../shared/parity beside the checkout.
std::filesystem::path folder();

/// One case in one precision; prints as "NAME in float64".
struct CaseInType {
  std::string name;
  torch::ScalarType type;
};
std::ostream& operator<<(std::ostream& stream, const CaseInType& each);

/// Every case of the folder whose name starts with one of `prefixes`, in float32 and in float64. Where the
/// folder has none: the first prefix alone, so that its test says that it is skipped.
std::vector<CaseInType> cases_named(const std::vector<std::string>& prefixes);

/// Name of a test of such a case, for INSTANTIATE_TEST_SUITE_P.
std::string label(const testing::TestParamInfo<CaseInType>& info);

/// Skips the test where its case is not there; one thread, so that results do not depend on the machine.
class CaseTest : public testing::TestWithParam<CaseInType> {
 protected:
  void SetUp() override;
};

class Case {
 public:
  /// @param name  file name without `.h5`
  explicit Case(const std::string& name);
  ~Case();
  Case(const Case&) = delete;
  Case& operator=(const Case&) = delete;

  static bool available(const std::string& name);

  bool has(const std::string& path) const;
  /// Names of the expected values in a group: those without `_f32`.
  std::vector<std::string> names(const std::string& group) const;
  torch::Tensor tensor(const std::string& path) const;  // float64 for floating point, int64 for integers
  double scalar(const std::string& path) const { return tensor(path).item<double>(); }
  std::int64_t integer(const std::string& path) const { return tensor(path).item<std::int64_t>(); }
  std::vector<std::int64_t> integers(const std::string& path) const;
  std::vector<std::string> texts(const std::string& path) const;
  std::string text_attribute(const std::string& path, const std::string& name) const;
  double attribute(const std::string& path, const std::string& name) const;

  /// Every dataset with a metric, by its path without a leading slash.
  std::vector<std::string> paths_to_compare() const;

  /// Checks `result` against the dataset with its own metric and tolerance. Adds a GoogleTest failure and
  /// always prints the observed error. `type` chooses between `tolerance` and `tolerance_f64`.
  void expect(const std::string& path, const torch::Tensor& result, torch::ScalarType type) const;
  /// The same with rows left out where `mask` (bool) is false, and with an explicit tolerance attribute.
  void expect(const std::string& path, const torch::Tensor& result, torch::ScalarType type,
              const torch::Tensor& mask, const std::string& tolerance = "") const;

 private:
  hid_t file_;
  std::string name_;
};

/// uniform(text, n): the fixtures' deterministic numbers in [-1, 1), float64.
torch::Tensor uniform(const std::string& text, std::int64_t count);

/// float32(offset + scale u), as `type`.
torch::Tensor fill(const std::string& salt, const std::string& name, at::IntArrayRef shape, double offset,
                   double scale, torch::ScalarType type);

/// Fills every parameter and buffer of `model` named in group `params` of the case, in `type`; checks
/// `first4`, shapes and that no name of either side is left over. `prefix` is added to the model's names.
void fill_model(const Case& parity_case, torch::nn::Module& model, torch::ScalarType type,
                const std::string& prefix = "");

/// Gradient (or `params` value) projections of the model in the order of the case's names: rows without a
/// gradient are NaN.
struct Projections {
  torch::Tensor norm, dot;
};
/// 1 where a row of `params` starts with `prefix`: a mask for Case::expect.
torch::Tensor rows_named(const Case& parity_case, const std::string& prefix);

Projections gradient_projections(const Case& parity_case, const torch::nn::Module& model,
                                 const std::string& prefix = "");
Projections statistic_projections(const Case& parity_case, const torch::nn::Module& model,
                                  const std::string& prefix = "");

/// RMS and dot of recorded blocks against `group`/{name,rms,dot}.
void expect_blocks(const Case& parity_case, const std::string& group,
                   const std::vector<std::pair<std::string, torch::Tensor>>& recorded,
                   torch::ScalarType type);

}  // namespace gyrus::parity
