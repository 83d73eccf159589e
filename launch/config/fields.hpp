#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace gyrus {

/// What a value of an option must satisfy, beside its type.
struct Rules {
  std::optional<double> min = {};         // inclusive
  std::optional<double> max = {};         // inclusive
  std::vector<std::string> choices = {};  // for text: the only values accepted
  const char* unit = "";                  // shown in help
  std::optional<double> auto_value = {};  // the word `auto` is accepted and stands for this value
  bool may_change_on_resume = false;      // false: part of the digest that a checkpoint must match
};

/// Visitor over the options of a struct. A struct `S` writes each option once:
///
///   struct LoaderOptions {
///     std::int64_t threads = 1;
///     void fields(Fields& f);   // in the .cpp: f.field("threads", threads, "worker threads per rank", {.min
///     = 1});
///   };
///
/// Binding, rejection of unknown keys, help, the resolved dump and the generated documentation all walk
/// `fields()`. Value of the member before binding = its default. Thread safety: none needed, used at
/// start-up.
class Fields {
 public:
  virtual ~Fields() = default;

  virtual void field(const char* name, bool& value, const char* help, const Rules& rules = {}) = 0;
  virtual void field(const char* name, std::int64_t& value, const char* help, const Rules& rules = {}) = 0;
  virtual void field(const char* name, double& value, const char* help, const Rules& rules = {}) = 0;
  virtual void field(const char* name, std::string& value, const char* help, const Rules& rules = {}) = 0;
  virtual void field(const char* name, std::vector<std::int64_t>& value, const char* help,
                     const Rules& rules = {}) = 0;
  virtual void field(const char* name, std::vector<double>& value, const char* help,
                     const Rules& rules = {}) = 0;
  virtual void field(const char* name, std::vector<std::string>& value, const char* help,
                     const Rules& rules = {}) = 0;

  /// A nested struct: its options live under `name.`.
  template <class Struct>
  void group(const char* name, Struct& options) {
    begin_group(name);
    options.fields(*this);
    end_group();
  }

 protected:
  virtual void begin_group(const char* name) = 0;
  virtual void end_group() = 0;
};

}  // namespace gyrus
