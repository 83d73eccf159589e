#pragma once

#include <string>

namespace gyrus {

/// A decimal number as Python's `decimal` has it by default: sums are rounded to 28 digits, half to even.
/// Hydra steps through ranges with them; with binary sums some values of range(0,1,0.1) would differ in
/// their last digit.
class Decimal {
 public:
  /// Exactly the binary number. @pre finite
  explicit Decimal(double value);

  Decimal operator+(const Decimal& other) const;
  bool operator<(const Decimal& other) const;
  /// The nearest double.
  double to_double() const;

 private:
  Decimal(bool negative, std::string digits, int exponent);

  /// The sum without rounding.
  Decimal exact_sum(const Decimal& other) const;
  Decimal rounded() const;
  bool is_zero() const { return digits_ == "0"; }

  bool negative_;
  std::string digits_;  // without leading zeros
  int exponent_;        // the value is digits * 10^exponent
};

}  // namespace gyrus
