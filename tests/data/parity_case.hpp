#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "data/source/grid.hpp"
#include "data/storage/h5.hpp"
#include "tests/data/support.hpp"

namespace gyrus::test {

/// One parity fixture: arrays with a metric and tolerances (its README, section 1).
class ParityCase {
 public:
  explicit ParityCase(const std::string& name) : file_(h5::File::open(path_of(name))) {}
  static std::filesystem::path path_of(const std::string& name) {
    return shared_folder("GYRUS_PARITY", "parity") / (name + ".h5");
  }
  static bool available(const std::string& name) { return std::filesystem::exists(path_of(name)); }
  const h5::File& file() const { return file_; }

  template <class T>
  Grid<T> grid(const std::string& name) const {
    const auto shape = file_.shape(name);
    Grid<T> grid({shape.at(0), shape.at(1), shape.at(2)});
    grid.values = file_.read<T>(name);
    return grid;
  }

  /// Compares with the dataset `name` by its own metric. @param tolerance  "tolerance" or "tolerance_f64"
  template <class Values>
  void expect(const std::string& name, const Values& values, const std::string& tolerance) const {
    const auto expected = file_.read<double>(name);
    ASSERT_EQ(values.size(), expected.size()) << name;
    double difference = 0.0, largest = 0.0, relative = 0.0;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double error = std::abs(static_cast<double>(values[i]) - expected[i]);
      difference = std::max(difference, error);
      largest = std::max(largest, std::abs(expected[i]));
      relative = std::max(relative, expected[i] == 0.0 ? error : error / std::abs(expected[i]));
    }
    const std::string metric = file_.text_attribute(name, "metric");
    ASSERT_TRUE(metric == "abs_max" || metric == "rel_max" || metric == "rel_each") << metric;
    const double error = metric == "abs_max"   ? difference
                         : metric == "rel_max" ? difference / largest
                                               : relative;
    const double allowed = file_.attribute<double>(name, tolerance);
    std::printf("parity %-34s %-8s observed %.2e %s %.0e\n", name.c_str(), metric.c_str(), error,
                tolerance.c_str(), allowed);
    EXPECT_LE(error, allowed) << name;
  }

 private:
  h5::File file_;
};

}  // namespace gyrus::test

#define GYRUS_SKIP_WITHOUT_PARITY(name)          \
  if (!gyrus::test::ParityCase::available(name)) \
  GTEST_SKIP() << "skipped: no data at " << gyrus::test::ParityCase::path_of(name).string()
