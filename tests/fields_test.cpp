// SPDX-License-Identifier: Apache-2.0
#include <functional>
#include <limits>

#include <doctest/doctest.h>

#include <espalier/dataset.hpp>
#include <espalier/error.hpp>
#include <espalier/fields.hpp>

#include "support/hostile_fields.hpp"

using espalier::Dataset;
using espalier::DType;
using espalier::Error;
using espalier::Field;
using espalier::Fields;
using espalier::Shape;
using espalier::Tensor;

namespace {

Fields with(const char* name, Field value) {
  Fields fields;
  fields.set(name, std::move(value));
  return fields;
}

Dataset two_images() {
  Dataset d;
  d.name = "two";
  d.classes = {"cat", "d\xc3\xb6g"};
  d.train = {Tensor::of<std::uint8_t>({2, 1, 1, 2}, {0, 1, 2, 255}), Tensor::of<std::int64_t>({2}, {1, 0})};
  d.test = {Tensor::of<std::uint8_t>({1, 1, 1, 2}, {7, 8}), Tensor::of<std::int64_t>({1}, {1})};
  return d;
}

}  // namespace

TEST_CASE("fields give back what was set") {
  Fields f;
  f.set("count", std::int64_t{3});
  f.set("rate", 0.5);
  f.set("name", std::string("a\0b", 3));
  f.set("classes", std::vector<std::string>{"x", ""});
  f.set("layers/0/weight", Tensor::of<float>({2}, {1, 2}));
  CHECK(f.integer("count") == 3);
  CHECK(f.real("rate") == 0.5);
  CHECK(f.text("name").size() == 3);
  CHECK(f.texts("classes").size() == 2);
  CHECK(f.tensor("layers/0/weight").size() == 2);
  CHECK(f.tensor_or_absent("layers/0/mask").empty());
  CHECK(f.has("rate"));
  CHECK_FALSE(f.has("layers"));
}

TEST_CASE("a field that is absent or of another type is named") {
  Fields f = with("weight", Tensor::zeros(DType::f32, {2, 3}));
  f.set("rate", 0.5);
  CHECK_THROWS_WITH_AS(f.integer("epochs"), "there is no field 'epochs'", Error);
  CHECK_THROWS_WITH_AS(f.text("weight"), "field 'weight' is a tensor of f32 [2, 3], not a text", Error);
  CHECK_THROWS_WITH_AS(f.integer("rate"), "field 'rate' is a real, not an integer", Error);
  CHECK_THROWS_AS(f.tensor_or_absent("rate"), Error);
}

TEST_CASE("names and values that a file could not hold are refused") {
  for (const char* name : {"", "A", "a b", "/a", "a/", "a//b", "a.b", "a-b"}) {
    CHECK_THROWS_AS(with(name, 1.0), Error);
  }
  CHECK_THROWS_AS(with(std::string(256, 'a').c_str(), 1.0), Error);
  CHECK_THROWS_AS(with("a", std::string("x\0", 2)), Error);
  CHECK_THROWS_AS(with("a", std::vector<std::string>{std::string(1, '\0')}), Error);
  CHECK_THROWS_AS(with("a", Tensor::of<float>({}, {1})), Error);
  Fields f = with("a/b", 1.0);
  CHECK_THROWS_AS(f.set("a/b", 1.0), Error);
  CHECK_THROWS_AS(f.set("a", 1.0), Error);
  CHECK_THROWS_AS(f.set("a/b/c", 1.0), Error);
  f.set("a_b", 1.0);  // sorts between "a/b" and what would lie under "a"
  f.set("a/bc", 1.0);
  CHECK(f.all().size() == 3);
}

TEST_CASE("the digest depends on kind, format, names, types, shapes and bytes, and on nothing else") {
  const auto digest = [](const Fields& f) { return f.digest("K", 1); };
  const Fields f = with("a", Tensor::of<float>({2, 1}, {1, 2}));
  CHECK(digest(f) == digest(with("a", Tensor::of<float>({2, 1}, {1, 2}))));
  CHECK(f.digest("K", 1) != f.digest("K", 2));
  CHECK(f.digest("K", 1) != f.digest("L", 1));
  const std::vector<Fields> others{
      f,
      with("b", Tensor::of<float>({2, 1}, {1, 2})),
      with("a", Tensor::of<float>({1, 2}, {1, 2})),
      with("a", Tensor::of<float>({2, 1}, {1, 3})),
      with("a", Tensor::zeros(DType::f32, {2, 1})),
      with("a", Tensor::zeros(DType::i32, {2, 1})),
      with("a", std::int64_t{0}),
      with("a", 0.0),
      with("a", -0.0),
      with("a", std::string()),
      with("a", std::vector<std::string>{}),
      with("a", std::vector<std::string>{""}),
      with("a", std::vector<std::string>{"ab", "c"}),
      with("a", std::vector<std::string>{"a", "bc"}),
      Fields(),
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) CHECK_MESSAGE(digest(others[i]) != digest(others[j]), i, " and ", j);
  }
  Fields forwards = with("a", 1.0);
  forwards.set("b", 2.0);
  Fields backwards = with("b", 2.0);
  backwards.set("a", 1.0);
  CHECK(digest(forwards) == digest(backwards));
}

TEST_CASE("the digest never changes: artifacts are stored under it") {
  Fields f;
  f.set("count", std::int64_t{-1});
  f.set("rate", 0.1);
  f.set("name", std::string("n"));
  f.set("classes", std::vector<std::string>{"x", "yz"});
  f.set("layers/0/weight", Tensor::of<float>({1, 2}, {1.5F, -2}));
  CHECK(f.digest("Network", 1).hex() == "3b090ac812f805465a6dcd4d2a71c098cefee0a5ab4cf61c7fae9e56eb87958e");
}

TEST_CASE("a data set is stored and checked") {
  const Dataset d = two_images();
  CHECK(d.image_shape() == Shape{1, 1, 2});
  CHECK(d.train.size() == 2);
  const Dataset again = Dataset::from_fields(d.to_fields());
  CHECK(again.name == "two");
  CHECK(again.classes == d.classes);
  CHECK(again.train.images == d.train.images);
  CHECK(again.test.labels == d.test.labels);

  const auto refused = [](const std::function<void(Dataset&)>& change) {
    Dataset bad = two_images();
    change(bad);
    CHECK_THROWS_AS(bad.validate(), Error);
    CHECK_THROWS_AS(bad.to_fields(), Error);
  };
  refused([](Dataset& b) { b.classes.clear(); });
  refused([](Dataset& b) { b.classes.pop_back(); });
  refused([](Dataset& b) { b.train.labels = Tensor::of<std::int64_t>({2}, {0, -1}); });
  refused([](Dataset& b) { b.train.labels = Tensor::of<std::int64_t>({1}, {0}); });
  refused([](Dataset& b) { b.train.labels = Tensor::of<std::int32_t>({2}, {0, 1}); });
  refused([](Dataset& b) { b.train.images = Tensor::zeros(DType::f32, {2, 1, 1, 2}); });
  refused([](Dataset& b) { b.test.images = Tensor::zeros(DType::u8, {1, 1, 2, 1}); });
  refused([](Dataset& b) { b.test = {Tensor(), Tensor()}; });
}

TEST_CASE("a data set survives damaged fields") {
  espalier::testing::check_survives_damage(two_images());
}
