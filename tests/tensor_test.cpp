// SPDX-License-Identifier: Apache-2.0
#include <limits>

#include <doctest/doctest.h>

#include <espalier/error.hpp>
#include <espalier/tensor.hpp>

using espalier::DType;
using espalier::Error;
using espalier::Shape;
using espalier::Tensor;

namespace {

Tensor counting(Shape shape) {
  std::vector<std::int32_t> values;
  for (std::int32_t i = 0; i < espalier::element_count(shape); ++i) values.push_back(i);
  return Tensor::of<std::int32_t>(std::move(shape), std::move(values));
}

}  // namespace

TEST_CASE("a tensor knows its type, shape and elements") {
  const Tensor t = Tensor::of<float>({2, 3}, {1, 2, 3, 4, 5, 6});
  CHECK(t.dtype() == DType::f32);
  CHECK(t.rank() == 2);
  CHECK(t.dim(1) == 3);
  CHECK(t.size() == 6);
  CHECK(t.bytes().size() == 24);
  CHECK(t.as<float>()[4] == 5);
  CHECK(espalier::to_text(t.shape()) == "[2, 3]");
  CHECK_THROWS_WITH_AS(t.as<double>(), "a tensor of f32 [2, 3] was read as f64", Error);
  CHECK_THROWS_WITH_AS(Tensor::of<float>({2, 2}, {1, 2, 3}), "3 values do not fit shape [2, 2], which holds 4", Error);
}

TEST_CASE("an absent tensor has no elements but a type and a shape") {
  const Tensor t;
  CHECK(t.empty());
  CHECK(t.shape() == Shape{0});
  CHECK(t.as<float>().empty());
  CHECK(t.bytes().empty());
  CHECK(t == Tensor::of<float>({0}, {}));
  CHECK(t.rows(0, 0) == t);
}

TEST_CASE("names and sizes of element types are those in files") {
  CHECK(espalier::to_text(DType::u8) == "u8");
  CHECK(espalier::to_text(DType::i32) == "i32");
  CHECK(espalier::to_text(DType::i64) == "i64");
  CHECK(espalier::to_text(DType::f32) == "f32");
  CHECK(espalier::to_text(DType::f64) == "f64");
  CHECK(espalier::size_of(DType::u8) == 1);
  CHECK(espalier::size_of(DType::i32) == 4);
  CHECK(espalier::size_of(DType::f64) == 8);
}

TEST_CASE("counting elements refuses what cannot be a shape") {
  CHECK(espalier::element_count({}) == 1);
  CHECK(espalier::element_count({3, 0, 5}) == 0);
  const std::int64_t most = std::numeric_limits<std::int64_t>::max();
  CHECK(espalier::element_count({0, most, most}) == 0);
  CHECK_THROWS_AS(espalier::element_count({2, -1}), Error);
  CHECK_THROWS_AS(espalier::element_count({most, most}), Error);
  CHECK_THROWS_AS(espalier::element_count({most}), Error);
}

TEST_CASE("rows and other shapes share the buffer") {
  const Tensor t = counting({4, 3});
  const Tensor middle = t.rows(1, 3);
  CHECK(middle.shape() == Shape{2, 3});
  CHECK(middle.as<std::int32_t>()[0] == 3);
  CHECK(middle.bytes().data() == t.bytes().data() + 12);
  CHECK(t.reshaped({2, 6}).bytes().data() == t.bytes().data());
  CHECK(t.rows(4, 4).empty());
  CHECK_THROWS_AS(t.reshaped({5}), Error);
  CHECK_THROWS_AS(t.rows(3, 5), Error);
  CHECK_THROWS_AS(t.rows(2, 1), Error);
  CHECK_THROWS_AS(t.rows(-1, 1), Error);
}

TEST_CASE("gather copies rows in the order asked for, repeats included") {
  const Tensor t = counting({3, 2});
  const std::vector<std::int64_t> index{2, 0, 2};
  CHECK(t.gather(index) == Tensor::of<std::int32_t>({3, 2}, {4, 5, 0, 1, 4, 5}));
  CHECK(t.gather({}).shape() == Shape{0, 2});
  CHECK(Tensor::zeros(DType::f64, {3, 0}).gather(index).shape() == Shape{3, 0});
  CHECK_THROWS_AS(t.gather(std::vector<std::int64_t>{3}), Error);
  CHECK_THROWS_AS(t.gather(std::vector<std::int64_t>{-1}), Error);
}

TEST_CASE("conversion goes value by value") {
  CHECK(Tensor::of<std::uint8_t>({2}, {0, 255}).to_doubles() == std::vector<double>{0, 255});
  CHECK(Tensor::of<std::int64_t>({1}, {-7}).to_floats() == std::vector<float>{-7});
  CHECK(Tensor::of<double>({1}, {0.1}).to_floats() == std::vector<float>{0.1F});
}

TEST_CASE("equal tensors have one type, one shape and the same bytes") {
  const Tensor zero = Tensor::of<float>({1}, {0.0F});
  const float nan = std::numeric_limits<float>::quiet_NaN();
  CHECK(zero == Tensor::zeros(DType::f32, {1}));
  CHECK_FALSE(zero == Tensor::of<float>({1}, {-0.0F}));
  CHECK_FALSE(zero == Tensor::zeros(DType::i32, {1}));
  CHECK_FALSE(zero == zero.reshaped({1, 1}));
  CHECK(Tensor::of<float>({1}, {nan}) == Tensor::of<float>({1}, {nan}));
}
