#include "launch/config/decimal.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace gyrus {
namespace {

constexpr std::size_t num_digits = 28;
constexpr int most_digits_of_double = 767;  // of the exact decimal expansion of any double

/// The sum of two numbers of equal length; one digit longer at most.
std::string add(const std::string& a, const std::string& b) {
  std::string sum(a.size() + 1, '0');
  int carry = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    const int digit = (a[i] - '0') + (b[i] - '0') + carry;
    sum[i + 1] = static_cast<char>('0' + digit % 10);
    carry = digit / 10;
  }
  sum[0] = static_cast<char>('0' + carry);
  return sum;
}

/// a - b, of equal length, a not smaller.
std::string subtract(const std::string& a, const std::string& b) {
  std::string difference(a.size(), '0');
  int borrow = 0;
  for (std::size_t i = a.size(); i-- > 0;) {
    int digit = (a[i] - '0') - (b[i] - '0') - borrow;
    borrow = digit < 0 ? 1 : 0;
    if (digit < 0) digit += 10;
    difference[i] = static_cast<char>('0' + digit);
  }
  return difference;
}

}  // namespace

Decimal::Decimal(bool negative, std::string digits, int exponent)
    : negative_(negative), digits_(std::move(digits)), exponent_(exponent) {
  digits_.erase(0, std::min(digits_.find_first_not_of('0'), digits_.size() - 1));
  negative_ = negative_ && !is_zero();
}

Decimal::Decimal(double value) : negative_(std::signbit(value)), exponent_(0) {
  std::array<char, most_digits_of_double + 16> text;
  std::snprintf(text.data(), text.size(), "%.*e", most_digits_of_double - 1, std::abs(value));
  const std::string spelled = text.data();
  const std::size_t e = spelled.find('e');
  digits_ = spelled.substr(0, 1) + spelled.substr(2, e - 2);
  exponent_ = std::atoi(spelled.c_str() + e + 1) - (most_digits_of_double - 1);
  while (digits_.size() > 1 && digits_.back() == '0') {
    digits_.pop_back();
    ++exponent_;
  }
}

Decimal Decimal::exact_sum(const Decimal& other) const {
  const int exponent = std::min(exponent_, other.exponent_);
  std::string a = digits_ + std::string(static_cast<std::size_t>(exponent_ - exponent), '0');
  std::string b = other.digits_ + std::string(static_cast<std::size_t>(other.exponent_ - exponent), '0');
  const std::size_t length = std::max(a.size(), b.size());
  a.insert(0, length - a.size(), '0');
  b.insert(0, length - b.size(), '0');
  if (negative_ == other.negative_) return {negative_, add(a, b), exponent};
  return a < b ? Decimal(other.negative_, subtract(b, a), exponent)
               : Decimal(negative_, subtract(a, b), exponent);
}

Decimal Decimal::rounded() const {
  if (digits_.size() <= num_digits) return *this;
  const std::string dropped = digits_.substr(num_digits);
  std::string kept = digits_.substr(0, num_digits);
  const std::string half = "5" + std::string(dropped.size() - 1, '0');
  const bool is_odd = (kept.back() - '0') % 2 == 1;
  if (dropped > half || (dropped == half && is_odd)) kept = add(kept, std::string(num_digits - 1, '0') + "1");
  return {negative_, kept, exponent_ + static_cast<int>(dropped.size())};
}

Decimal Decimal::operator+(const Decimal& other) const {
  return exact_sum(other).rounded();
}

bool Decimal::operator<(const Decimal& other) const {
  Decimal opposite = other;
  opposite.negative_ = !other.negative_;
  const Decimal difference = exact_sum(opposite);
  return difference.negative_ && !difference.is_zero();
}

double Decimal::to_double() const {
  const std::string text = (negative_ ? "-" : "") + digits_ + "e" + std::to_string(exponent_);
  return std::strtod(text.c_str(), nullptr);
}

}  // namespace gyrus
