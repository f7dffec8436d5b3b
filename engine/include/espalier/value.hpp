// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <espalier/abi.hpp>

namespace espalier::inline v1 {

/// The type of a parameter. A list has one element type.
enum class ValueType : std::uint8_t { boolean, integer, real, text, integers, reals, texts };
ESPALIER_API std::string_view to_text(ValueType type);

/// A parameter's value. `int64_t` and `double` are different types; conversion happens once, when a pipeline is
/// checked.
class ESPALIER_API Value {
 public:
  using Data = std::variant<bool, std::int64_t, double, std::string, std::vector<std::int64_t>, std::vector<double>,
                            std::vector<std::string>>;

  Value() : data_(false) {}
  Value(bool v) : data_(v) {}                                  // NOLINT(google-explicit-constructor)
  Value(int v) : data_(std::int64_t{v}) {}                     // NOLINT(google-explicit-constructor)
  Value(std::int64_t v) : data_(v) {}                          // NOLINT(google-explicit-constructor)
  Value(double v) : data_(v) {}                                // NOLINT(google-explicit-constructor)
  Value(std::string v) : data_(std::move(v)) {}                // NOLINT(google-explicit-constructor)
  Value(std::string_view v) : data_(std::string(v)) {}         // NOLINT(google-explicit-constructor)
  Value(const char* v) : data_(std::string(v)) {}              // NOLINT(google-explicit-constructor)
  Value(std::vector<std::int64_t> v) : data_(std::move(v)) {}  // NOLINT(google-explicit-constructor)
  Value(std::vector<double> v) : data_(std::move(v)) {}        // NOLINT(google-explicit-constructor)
  Value(std::vector<std::string> v) : data_(std::move(v)) {}   // NOLINT(google-explicit-constructor)

  ValueType type() const { return static_cast<ValueType>(data_.index()); }
  const Data& data() const { return data_; }

  template <class T>
  const T& as() const {
    return std::get<T>(data_);
  }

  /// The one canonical text, used for display and for keys: TOML syntax, shortest form of a number that reads back to
  /// the same double, -0 written as 0. Throws Error when a real is NaN.
  std::string text() const;

  friend bool operator==(const Value&, const Value&) = default;

 private:
  Data data_;
};

/// A stage's parameters by name, complete: defaults are filled in before a stage or a key sees them.
using ParamValues = std::map<std::string, Value, std::less<>>;

}  // namespace espalier::inline v1
