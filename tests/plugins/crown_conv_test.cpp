// SPDX-License-Identifier: Apache-2.0
// What makes convolutions fast in the verifier: rows that share their columns, and objectives that touch only what they
// reach. Neither may change a bound.
#include <algorithm>
#include <array>
#include <cmath>
#include <random>
#include <vector>

#include <abstract/affine.hpp>
#include <crown/bounder.hpp>
#include <crown/kernels.hpp>
#include <crown/matrix.hpp>
#include <crown/root.hpp>
#include <crown/support.hpp>
#include <doctest/doctest.h>

#include "support/random_network.hpp"
#include "support/small_networks.hpp"

namespace espalier::crown {
namespace baseline {
const Kernels& table();
}
#if defined(__x86_64__)
namespace avx2 {
const Kernels& table();
}
namespace avx512 {
const Kernels& table();
}
#endif
}  // namespace espalier::crown

using namespace espalier;
using namespace espalier::crown;

namespace {

/// The kernels of every instruction set that this processor has.
std::vector<const Kernels*> tables() {
  std::vector<const Kernels*> all{&baseline::table()};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) all.push_back(&avx2::table());
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    all.push_back(&avx512::table());
  }
#endif
  return all;
}

using Numbers = std::vector<float>;

Numbers random_numbers(std::size_t n, std::mt19937& random) {
  std::uniform_real_distribution<float> draw(-1, 1);
  Numbers numbers(n);
  for (float& x : numbers) x = draw(random);
  return numbers;
}

Aligned<float> aligned(const Numbers& numbers) {
  Aligned<float> out(numbers.size());
  std::copy(numbers.begin(), numbers.end(), out.data());
  return out;
}

std::vector<char> random_choice(int n, std::mt19937& random) {
  std::bernoulli_distribution coin(0.5);
  std::vector<char> chosen(static_cast<std::size_t>(n));
  for (char& c : chosen) c = coin(random) ? 1 : 0;
  return chosen;
}

/// A matrix as it is defined, and a product with it.
struct Plain {
  int outer;
  int inner;
  Numbers weight;

  float at(int i, int j) const { return weight[static_cast<std::size_t>(i * inner + j)]; }
  double product(int i, int lane, const Numbers& x, const char* chosen) const {
    double sum = 0;
    for (int j = 0; j < inner; ++j) {
      if (chosen != nullptr && chosen[j] == 0) continue;
      sum += static_cast<double>(at(i, j)) *
             static_cast<double>(x[static_cast<std::size_t>(j) * kLanes + static_cast<std::size_t>(lane)]);
    }
    return sum;
  }
};

void check_products(const Plain& plain, const Numbers& x, const Chosen& chosen, bool add, const Aligned<float>& y) {
  double worst = 0;
  for (int i = 0; i < plain.outer; ++i) {
    if (chosen.outer != nullptr && chosen.outer[i] == 0) continue;
    for (int l = 0; l < kLanes; ++l) {
      const double wanted = plain.product(i, l, x, chosen.inner) + (add ? 2 : 0);
      const double found = static_cast<double>(y[static_cast<std::size_t>(i) * kLanes + static_cast<std::size_t>(l)]);
      worst = std::max(worst, std::isfinite(found) ? std::abs(found - wanted) : HUGE_VAL);
    }
  }
  CHECK(worst < 1e-5);
}

/// Groups of 1 to kBlock rows in a random order.
struct Grouped {
  std::vector<RowGroup> groups;
  std::vector<std::int32_t> row, column;
  Numbers weight;

  Grouped(Plain& plain, std::mt19937& random) {
    std::vector<std::int32_t> order;
    for (int i = 0; i < plain.outer; ++i) order.push_back(i);
    std::shuffle(order.begin(), order.end(), random);
    for (std::size_t begin = 0, rows = 1; begin < order.size(); begin += rows, rows = rows % kBlock + 1) {
      rows = std::min(rows, order.size() - begin);
      add(plain, std::span(order).subspan(begin, rows), random);
    }
  }
  void add(Plain& plain, std::span<const std::int32_t> members, std::mt19937& random) {
    const std::vector<char> chosen = random_choice(plain.inner, random);
    RowGroup group{static_cast<std::int64_t>(row.size()), static_cast<std::int64_t>(column.size()),
                   static_cast<std::int64_t>(weight.size()), static_cast<std::int32_t>(members.size()), 0};
    for (int j = 0; j < plain.inner; ++j) {
      for (const std::int32_t i : members) {
        float& w = plain.weight[static_cast<std::size_t>(i * plain.inner + j)];
        if (chosen[static_cast<std::size_t>(j)] == 0) w = 0;
        if (chosen[static_cast<std::size_t>(j)] != 0) weight.push_back(w);
      }
      if (chosen[static_cast<std::size_t>(j)] == 0) continue;
      column.push_back(j);
      ++group.columns;
    }
    row.insert(row.end(), members.begin(), members.end());
    groups.push_back(group);
  }
  SparseView view() const {
    return {groups.data(), row.data(), column.data(), weight.data(), static_cast<int>(groups.size())};
  }
};

std::vector<std::int32_t> all(std::int64_t n) {
  std::vector<std::int32_t> elements;
  for (std::int32_t i = 0; i < n; ++i) elements.push_back(i);
  return elements;
}

}  // namespace

TEST_CASE("products of rows that share columns are those of the definition, for what is chosen, in every table") {
  std::mt19937 random(1);
  for (const int outer : {1, 5, 40}) {
    Plain plain{outer, 17, random_numbers(static_cast<std::size_t>(outer) * 17, random)};
    const Grouped grouped(plain, random);
    Numbers x = random_numbers(17 * kLanes, random);
    const std::vector<char> inner = random_choice(17, random);
    const std::vector<char> rows = random_choice(outer, random);
    for (const Chosen& chosen : {Chosen{}, Chosen{inner.data(), nullptr}, Chosen{inner.data(), rows.data()}}) {
      Numbers seen = x;
      for (std::size_t j = 0; j < inner.size() && chosen.inner != nullptr; ++j) {
        if (inner[j] == 0) std::fill_n(seen.begin() + static_cast<std::ptrdiff_t>(j * kLanes), kLanes, NAN);
      }
      const Aligned<float> in = aligned(seen);
      for (const Kernels* table : tables()) {
        for (const bool add : {false, true}) {
          CAPTURE(table->name);
          Aligned<float> y(static_cast<std::size_t>(outer) * kLanes);
          y.fill(2);
          table->sparse(grouped.view(), chosen, in.data(), y.data(), add);
          check_products(plain, x, chosen, add, y);
        }
      }
    }
  }
}

TEST_CASE("a dense product leaves out what is not chosen, in every table") {
  std::mt19937 random(2);
  const int outer = 7;
  const int inner = 9;
  const Plain plain{outer, inner, random_numbers(outer * inner, random)};
  Aligned<float> packed(2 * kBlock * inner);
  packed.fill(0);
  for (int i = 0; i < outer; ++i) {
    for (int j = 0; j < inner; ++j) {
      packed[static_cast<std::size_t>((i / kBlock * inner + j) * kBlock + i % kBlock)] = plain.at(i, j);
    }
  }
  Numbers x = random_numbers(inner * kLanes, random);
  const std::vector<char> chosen{1, 0, 0, 1, 1, 0, 1, 0, 1};
  const Aligned<float> in = aligned(x);
  for (const Kernels* table : tables()) {
    for (const char* flags : {static_cast<const char*>(nullptr), chosen.data()}) {
      CAPTURE(table->name);
      Aligned<float> y(outer * kLanes);
      table->dense({packed.data(), outer, inner}, {flags, nullptr}, in.data(), y.data(), false);
      check_products(plain, x, {flags, nullptr}, false, y);
    }
  }
}

TEST_CASE("the matrix of a convolution, of some of its rows and columns, multiplies from both sides") {
  std::mt19937 random(3);
  const Conv2d conv = testing::random_convolution(3, 5, 3, random);
  const abstract::AffineMap map = abstract::affine_map(conv, {3, 6, 6}, {5, 6, 6});
  std::vector<std::int32_t> rows = all(180);
  std::vector<std::int32_t> columns = all(108);
  std::erase_if(rows, [&](std::int32_t) { return random() % 4 == 0; });
  std::erase_if(columns, [&](std::int32_t) { return random() % 4 == 0; });
  Plain plain{static_cast<int>(rows.size()), static_cast<int>(columns.size()), {}};
  plain.weight.resize(rows.size() * columns.size());
  for (std::size_t j = 0; j < columns.size(); ++j) {
    const auto column = static_cast<std::size_t>(columns[j]);
    for (auto t = map.weights.start[column]; t < map.weights.start[column + 1]; ++t) {
      const auto& [weight, row] = map.weights.terms[static_cast<std::size_t>(t)];
      const auto i = std::find(rows.begin(), rows.end(), row) - rows.begin();
      if (i < static_cast<std::ptrdiff_t>(rows.size())) {
        plain.weight[static_cast<std::size_t>(i) * columns.size() + j] = static_cast<float>(weight);
      }
    }
  }
  const Matrix matrix(map.weights, 180, rows, columns);
  const Numbers x = random_numbers(columns.size() * kLanes, random);
  const Numbers p = random_numbers(rows.size() * kLanes, random);
  Plain across{plain.inner, plain.outer, {}};
  for (int j = 0; j < plain.inner; ++j) {
    for (int i = 0; i < plain.outer; ++i) across.weight.push_back(plain.at(i, j));
  }
  Aligned<float> y(rows.size() * kLanes);
  matrix.forward(aligned(x).data(), y.data(), false);
  check_products(plain, x, {}, false, y);
  Aligned<float> a(columns.size() * kLanes);
  matrix.backward(aligned(p).data(), a.data(), false);
  check_products(across, p, {}, false, a);

  std::vector<char> one(rows.size(), 0);
  one[rows.size() / 2] = 1;
  std::vector<char> reached(columns.size(), 0);
  matrix.reach(one.data(), reached.data());
  for (int j = 0; j < plain.inner; ++j) {
    if (plain.at(static_cast<int>(rows.size() / 2), j) != 0) CHECK(reached[static_cast<std::size_t>(j)] != 0);
  }
  CHECK(std::count(reached.begin(), reached.end(), 1) <= 27);
  matrix.forward(aligned(x).data(), y.data(), false, one.data());
  check_products(plain, x, {nullptr, one.data()}, false, y);
}

TEST_CASE("an objective that reaches a part of the network has the bound that it has beside one that reaches all") {
  std::mt19937 random(4);
  const Network network = testing::random_residual(random);
  const abstract::Graph graph(network);
  const std::vector<double> x = testing::random_input(network, random);
  const abstract::Box box(std::vector<float>(x.begin(), x.end()), 0.1, {-10, 10});
  const auto root = make_root(graph, box, {}, nullptr, {}, [] { return true; });
  REQUIRE(root.has_value());
  const std::array<double, kLanes> never = [] {
    std::array<double, kLanes> thresholds{};
    thresholds.fill(HUGE_VAL);
    return thresholds;
  }();
  int partial = 0;
  for (int place = 1; place < root->program.values(); ++place) {
    const int size = root->program.value(place).size;
    Support support(root->program);
    for (int i = 0; i < size; ++i) {
      std::vector<char> chosen(static_cast<std::size_t>(size), 0);
      chosen[static_cast<std::size_t>(i)] = 1;
      support.follow(place, chosen);
      partial += support.chosen(0) != nullptr ? 1 : 0;
      std::array<double, 2> bounds{};
      for (const bool beside : {false, true}) {
        Bounder bounder(root->program);
        float* objective = bounder.objective(place);
        objective[static_cast<std::size_t>(i) * kLanes] = 1;
        for (int k = 0; k < size && beside; ++k) objective[static_cast<std::size_t>(k) * kLanes + 1] = 1;
        bounder.reset(root->lines);
        bounder.run(place, 2, {.iterations = 5}, never);
        bounds[beside ? 1 : 0] = bounder.bound(0);
      }
      CHECK(bounds[0] == doctest::Approx(bounds[1]).epsilon(1e-5));
    }
  }
  CHECK(partial > 0);
}
