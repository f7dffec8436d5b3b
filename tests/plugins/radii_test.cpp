// SPDX-License-Identifier: Apache-2.0
// What searches for radii tell others: as series and back, and what is refused on the way.
#include "abstract/radii.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "support/small_networks.hpp"

using namespace espalier;
using namespace espalier::abstract;
using namespace espalier::testing;

namespace {

constexpr double kNaN = std::numeric_limits<double>::quiet_NaN();
const std::vector<float> kImage{0.25F, 0.5F};

Network network_with(float weight) {
  NetworkBuilder builder({2});
  builder.linear({{weight, 0}, {0, 1}}, {0, 0});
  return builder.build();
}

Radii some(const std::string& who) {
  return {.who = who,
          .network = content_of(network_with(1)),
          .clip = {-0.5, 0.75},
          .rows = {{.image = 7, .label = 0, .target = {}, .proven = 0.125, .broken = 0.25, .pixels = pixels_of(kImage)},
                   {.image = 9, .label = 1, .target = 0, .proven = 0, .broken = HUGE_VAL, .pixels = 0}}};
}

std::string error_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& error) {
    CHECK(error.code() == Code::request);
    CHECK(!error.hint().empty());
    return error.what();
  }
  return "no error";
}

/// What is said of metrics that were changed.
std::string refusal(const std::function<void(Metrics&)>& change) {
  Metrics metrics = metrics_of(some("crown.radius"));
  change(metrics);
  return error_of([&] { radii_in(metrics); });
}

}  // namespace

TEST_CASE("radii are read as they were written, whoever found them") {
  for (const char* who : {"crown.radius", "milp.distortion"}) {
    const Radii radii = radii_in(metrics_of(some(who)));
    CHECK(radii.who == who);
    CHECK(radii.network == content_of(network_with(1)));
    CHECK(radii.clip.low == -0.5);
    CHECK(radii.clip.high == 0.75);
    REQUIRE(radii.rows.size() == 2);
    CHECK(radii.rows[0].image == 7);
    CHECK(radii.rows[0].target == std::nullopt);
    CHECK(radii.rows[0].proven == 0.125);
    CHECK(radii.rows[0].broken == 0.25);
    CHECK(radii.rows[0].pixels == pixels_of(kImage));
    CHECK(radii.rows[1].label == 1);
    CHECK(radii.rows[1].target == 0);
    CHECK(radii.rows[1].broken == HUGE_VAL);
  }
}

TEST_CASE("radii are of one network, one range of pixels, one image") {
  const Radii radii = some("crown.radius");
  CHECK_NOTHROW(require_network(radii, network_with(1), "'network'"));
  CHECK_NOTHROW(require_clip(radii, {-0.5, 0.75}, "'instances'"));
  CHECK_NOTHROW(require_pixels(radii.rows[0], kImage, "'instances'"));
  const Network other = network_with(std::nextafter(1.0F, 2.0F));
  CHECK(error_of([&] { require_network(radii, other, "'network'"); }) ==
        "'radii' of crown.radius are of the network " + content_of(network_with(1)).brief() + ", but 'network' is " +
            content_of(other).brief());
  CHECK(error_of([&] {
          require_clip(radii, {-0.5, 1}, "'instances'");
        }) == "'radii' of crown.radius are of pixels in [-0.5, 0.75], but those of 'instances' are in [-0.5, 1]");
  CHECK(error_of([&] { require_clip(radii, {-0.5, kNaN}, "'instances'"); }) != "no error");
  CHECK(error_of([&] {
          require_pixels(radii.rows[0], std::vector<float>{0.25F, 0.75F}, "'instances'");
        }) == "image 7, label 0, has other pixels in 'radii' than in 'instances'");
}

TEST_CASE("what is no radius is refused, NaN first of all") {
  CHECK(refusal([](Metrics&) {}) == "no error");
  CHECK(refusal([](Metrics& m) { m.series["proven_radius"][1] = kNaN; }) ==
        "entry 1 of series 'proven_radius' of 'radii' is nan");
  for (const double wrong : {-0.125, HUGE_VAL}) {
    CHECK(refusal([&](Metrics& m) { m.series["proven_radius"][0] = wrong; }) != "no error");
  }
  for (const double wrong : {kNaN, -1.0}) {
    CHECK(refusal([&](Metrics& m) { m.series["attacked_radius"][0] = wrong; }) != "no error");
  }
  for (const double wrong : {kNaN, 0.5, -2.0, HUGE_VAL, 1e300}) {
    for (const char* name : {"image", "label", "target", "pixels"}) {
      CHECK(refusal([&](Metrics& m) { m.series[name][0] = wrong; }) != "no error");
    }
  }
}

TEST_CASE("radii that do not say what they are of are refused") {
  for (const char* name : {"image", "label", "target", "pixels", "network", "proven_radius", "attacked_radius"}) {
    CHECK(refusal([&](Metrics& m) { m.series.erase(name); }) == "'radii' has no series '" + std::string(name) + "'");
  }
  CHECK(refusal([](Metrics& m) { m.values.erase("clip_high"); }) == "'radii' has no value 'clip_high'");
  CHECK(refusal([](Metrics& m) { m.series["label"].push_back(0); }) ==
        "series 'label' of 'radii' has 3 entries for 2 images");
  CHECK(refusal([](Metrics& m) { m.series["network"].pop_back(); }) ==
        "series 'network' of 'radii' is no digest of a network");
  for (const double wrong : {kNaN, 256.0, -1.0, 0.5}) {
    CHECK(refusal([&](Metrics& m) { m.series["network"][3] = wrong; }) ==
          "series 'network' of 'radii' is no digest of a network");
  }
}
