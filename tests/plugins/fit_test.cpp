// SPDX-License-Identifier: Apache-2.0
// What belongs together: networks of vectors are asked about images.
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/fit.hpp>

#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"

using namespace espalier;
using namespace espalier::testing;

namespace {

/// Of four inputs, whatever their shape: y0 - y1 = relu(x0 + x3 - 1) + 0.1.
Network two_classes(const Shape& input) {
  NetworkBuilder builder(input);
  if (input.size() > 1) builder.add(Flatten{});
  builder.linear({{1, 0, 0, 1}}, {-1});
  builder.add(Relu{});
  builder.linear({{1}, {0}}, {0.1F, 0});
  return builder.build();
}

Instances asked(const Shape& image, std::int64_t label) {
  Instances out;
  out.rows.push_back({.image = 0, .label = label, .target = {}, .epsilon = 0.1});
  Shape shape{1};
  shape.insert(shape.end(), image.begin(), image.end());
  out.centres = Tensor::of(shape, std::vector<float>(static_cast<std::size_t>(element_count(image)), 0.5F));
  return out;
}

}  // namespace

TEST_CASE("a vector and an image fit by their elements, two images by their axes") {
  CHECK_NOTHROW(require_fit(two_classes({4}), asked({1, 2, 2}, 0)));
  CHECK_NOTHROW(require_fit(two_classes({4, 1}), asked({1, 2, 2}, 0)));
  CHECK_NOTHROW(require_fit(two_classes({1, 2, 2}), asked({4}, 0)));
  CHECK_NOTHROW(require_fit(two_classes({1, 2, 2}), asked({2, 2}, 0)));
  CHECK_THROWS_WITH_AS(require_fit(two_classes({4}), asked({1, 2, 3}, 0)),
                       "the network takes [4], the instances' centres are [1, 2, 3]", Error);
  const Network network({2, 1, 4}, {{.name = "flat", .op = Flatten{}, .inputs = {0}}});
  Instances other;
  other.rows.push_back({.image = 0, .label = 0, .target = {}, .epsilon = 0});
  other.centres = Tensor::of({1, 4, 1, 2}, std::vector<float>(8, 0));
  CHECK_THROWS_WITH_AS(require_fit(network, other), "the network takes [2, 1, 4], the instances' centres are [4, 1, 2]",
                       Error);
}

TEST_CASE("every verifier asks networks of vectors about images") {
  for (const char* stage : {"abstract.deeppoly", "abstract.refine", "milp.verify", "simplex.verify", "crown.verify"}) {
    CAPTURE(std::string(stage));
    for (const std::int64_t label : {0, 1}) {
      StageBench bench(stage);
      const Network network = two_classes({4});
      const Instances image = asked({1, 2, 2}, label);
      bench.give("network", network).give("instances", image).set("epsilon", 0.1);
      const Verdicts verdicts = with_checked_witnesses(bench.run().result<Verdicts>("verdicts"), network, image);
      REQUIRE(verdicts.rows.size() == 1);
      CHECK(to_text(verdicts.rows[0].verdict) == to_text(label == 0 ? Verdict::robust : Verdict::counterexample));
      CHECK(verdicts.rows[0].witness_checked == (label == 1));
    }
  }
}
