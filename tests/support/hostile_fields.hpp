// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/fields.hpp>

namespace espalier::testing {

/// A field that has nothing to do with the one it replaces.
inline Field odd_field(std::mt19937& random) {
  const auto any = static_cast<std::int64_t>(random());
  switch (random() % 8) {
    case 0:
      return any;
    case 1:
      return -1.0;
    case 2:
      return std::string("relu");
    case 3:
      return std::vector<std::string>(random() % 4, "x");
    case 4:
      return Tensor();
    case 5:
      return Tensor::of<std::int64_t>({2}, {any << 31, -any});
    case 6:
      return Tensor::zeros(DType::f32, {static_cast<std::int64_t>(random() % 4), 3});
    default:
      return Tensor::zeros(DType::u8, {static_cast<std::int64_t>(random() % 4)});
  }
}

/// The tensor with one byte changed, or with its first axis split off.
inline Field odd_tensor(const Tensor& t, std::mt19937& random) {
  if (t.empty() || random() % 3 == 0) return t.reshaped({1, t.size()});
  auto bytes = std::make_shared<std::vector<std::byte>>(t.bytes().begin(), t.bytes().end());
  (*bytes)[random() % bytes->size()] ^= static_cast<std::byte>(1U << random() % 8);
  const void* data = bytes->data();
  return Tensor(t.dtype(), t.shape(), std::shared_ptr<const void>(std::move(bytes), data));
}

/// The fields with one of them missing, changed or replaced, or with one more.
inline Fields damaged_fields(const Fields& fields, std::mt19937& random) {
  const std::size_t victim = random() % fields.all().size();
  const auto way = random() % 8;
  Fields out;
  std::size_t i = 0;
  for (const auto& [name, field] : fields.all()) {
    if (i++ != victim || way == 0) {
      out.set(name, field);
    } else if (const auto* tensor = std::get_if<Tensor>(&field); tensor != nullptr && way >= 4) {
      out.set(name, odd_tensor(*tensor, random));
    } else if (way > 1) {
      out.set(name, odd_field(random));
    }
  }
  if (way == 0) out.set("zz_new", odd_field(random));
  return out;
}

/// Decoding damaged fields either fails with Error(damaged), or gives an artifact that has exactly those fields.
template <class T>
void check_survives_damage(const T& artifact, int times = 400) {
  std::mt19937 random(7);
  const Fields good = artifact.to_fields();
  CHECK(T::from_fields(good).to_fields().digest(T::kKind, 1) == good.digest(T::kKind, 1));
  int refused = 0;
  for (int i = 0; i < times; ++i) {
    const Fields bad = damaged_fields(good, random);
    try {
      const T read = T::from_fields(bad);
      CHECK(read.to_fields().digest(T::kKind, 1) == bad.digest(T::kKind, 1));
    } catch (const Error& e) {
      CHECK(e.code() == Code::damaged);
      ++refused;
    }
  }
  CHECK(refused > times / 3);  // the damage is not all harmless
}

}  // namespace espalier::testing
