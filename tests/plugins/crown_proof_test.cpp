// SPDX-License-Identifier: Apache-2.0
// Proofs as the verifier writes them. That they show what they say is for tools/check-proof, see tests/proof_test.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <vector>

#include <abstract/answers.hpp>
#include <crown/proof.hpp>
#include <crown/proof_recorder.hpp>
#include <crown/verifier.hpp>
#include <doctest/doctest.h>

#include <espalier/error.hpp>

#include "artifact/hdf5_image.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "support/judge.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using namespace espalier::crown;
using namespace espalier::testing;

namespace {

constexpr std::size_t kPlenty = std::size_t{1} << 26;

PropertyQuestion question(std::uint32_t number) {
  std::seed_seq numbers{7U, number};
  std::mt19937 random(numbers);
  return random_property_question(random);
}

Digest digest_of(const Fields& fields) {
  return fields.digest(Proof::kKind, Proof::kFormat);
}

std::string image_of(const Proof& proof) {
  const Fields fields = proof.to_fields();
  return artifact::write_image(
      {.kind = std::string(Proof::kKind), .format = Proof::kFormat, .digest = digest_of(fields), .writer = "a test"},
      fields);
}

/// A limit that depends on no clock.
abstract::Used few_calls() {
  return [calls = 0]() mutable { return ++calls / 20'000.0; };
}

/// A network of one ReLU layer, and a property that no bound by intervals shows.
PropertyQuestion small_question() {
  NetworkBuilder builder({2});
  builder.linear({{1, 1}, {1, -1}, {-1, 2}}, {0, 0.5F, 0});
  builder.add(Relu{});
  builder.linear({{1, -1, 0.5F}}, {0});
  PropertyQuestion q{.what = "small", .network = builder.build(), .property = {}};
  q.property.inputs = 2;
  q.property.outputs = 1;
  q.property.boxes = {{.low = {-1, -1}, .high = {1, 1}}};
  q.property.cases = {{.box = 0, .constraints = {{.terms = {{0, -1}}, .limit = -2.375}}}};
  return q;
}

Proof proof_of(const PropertyQuestion& q) {
  const Verifier verifier(q.network);
  ProofRecorder recorder(verifier.graph(), q.property, kPlenty);
  REQUIRE(verifier.decide(q.property, 1, few_calls(), &recorder).verdict == Verdict::robust);
  REQUIRE_FALSE(recorder.overflowed());
  REQUIRE_FALSE(recorder.given_up());
  return recorder.take();
}

}  // namespace

TEST_CASE("keeping a proof does not turn an answer around") {
  int proven = 0;
  for (std::uint32_t number = 0; number < 400; ++number) {
    const PropertyQuestion q = question(number);
    CAPTURE(number);
    CAPTURE(q.what);
    const Verifier verifier(q.network);
    ProofRecorder recorder(verifier.graph(), q.property, kPlenty);
    const Verdict without = verifier.decide(q.property, 1, few_calls()).verdict;
    const Verdict with = verifier.decide(q.property, 1, few_calls(), &recorder).verdict;
    // With the margin of a proof, a question at the edge of rounding may stay open.
    const bool contradicts = (without == Verdict::robust && with == Verdict::counterexample) ||
                             (without == Verdict::counterexample && with == Verdict::robust);
    CHECK_FALSE(contradicts);
    if (with == Verdict::robust) CHECK_FALSE(q.can_happen());
    proven += with == Verdict::robust;
  }
  CHECK(proven > 50);
}

TEST_CASE("proofs of random questions are valid for the checker") {
  if (std::system("/usr/bin/python3 -c 'import h5py, numpy' 2>/dev/null") != 0) {
    MESSAGE("skipped: the checker needs python3-numpy and python3-h5py");
    return;
  }
  const TempDir folder;
  std::string triples;
  int count = 0;
  for (std::uint32_t number = 0; number < 150; ++number) {
    const PropertyQuestion q = question(number);
    try {
      const auto write = [&](const std::string& ending, const std::string& bytes) {
        const std::filesystem::path path = folder / (std::to_string(number) + ending);
        std::ofstream(path, std::ios::binary) << bytes;
        triples += " " + path.string();
      };
      const std::string model = exchange::onnx_bytes(q.network);
      const std::string text = exchange::vnnlib_text(q.property);
      const Network network = exchange::parse_onnx(model, "model");
      const Property property = exchange::parse_vnnlib(text, "property");
      const Verifier verifier(network);
      ProofRecorder recorder(verifier.graph(), property, kPlenty);
      if (verifier.decide(property, 1, few_calls(), &recorder).verdict != Verdict::robust) continue;
      if (recorder.given_up()) continue;
      const Proof proof = recorder.take();
      if (proof.empty()) continue;  // no case has an input
      write(".onnx", model);
      write(".vnnlib", text);
      write(".h5", image_of(proof));
      ++count;
    } catch (const Error& e) {
      REQUIRE(e.code() == Code::unsupported);  // a network or a property that has no file
    }
  }
  CHECK(count > 30);
  const std::string command =
      std::string(ESPALIER_SOURCE_DIR) + "/tools/check-proof" + triples + " >" + (folder / "said").string() + " 2>&1";
  CHECK(std::system(("PYTHONDONTWRITEBYTECODE=1 " + command).c_str()) == 0);
  std::ifstream said(folder / "said");
  int valid = 0;
  for (std::string line; std::getline(said, line);) {
    if (line.ends_with(": valid")) {
      ++valid;
    } else {
      FAIL_CHECK(line);
    }
  }
  CHECK(valid == count);
}

TEST_CASE("a proof comes back from its fields as it was") {
  int kept = 0;
  for (std::uint32_t number = 0; number < 100; ++number) {
    const PropertyQuestion q = question(number);
    const Verifier verifier(q.network);
    ProofRecorder recorder(verifier.graph(), q.property, kPlenty);
    if (verifier.decide(q.property, 1, few_calls(), &recorder).verdict != Verdict::robust) continue;
    const Proof proof = recorder.take();
    const Fields fields = proof.to_fields();
    const Proof again = Proof::from_fields(fields);
    CHECK(digest_of(again.to_fields()) == digest_of(fields));
    ++kept;
  }
  CHECK(kept > 10);
  const Fields nothing = Proof().to_fields();
  CHECK(Proof::from_fields(nothing).empty());
  CHECK(digest_of(Proof::from_fields(nothing).to_fields()) == digest_of(nothing));
}

TEST_CASE("fields of another shape are no proof") {
  const Fields fields = Proof().to_fields();
  Fields odd;
  for (const auto& [name, field] : fields.all()) {
    if (name != "claims/neuron") odd.set(name, field);
  }
  odd.set("claims/neuron", Tensor::zeros(DType::i32, {4}));
  CHECK_THROWS_WITH_AS(Proof::from_fields(odd), doctest::Contains("field 'claims/neuron' of a Proof has shape"), Error);
}

TEST_CASE("every list of a proof is cut where its starts say") {
  const Proof p = proof_of(small_question());
  const auto cuts = [](const std::vector<std::int64_t>& start, std::size_t rows, std::size_t entries) {
    return start.size() == rows + 1 && start.front() == 0 && start.back() == static_cast<std::int64_t>(entries) &&
           std::is_sorted(start.begin(), start.end());
  };
  const std::size_t leaves = p.leaf_phase_start.size() - 1;
  CHECK(leaves > 0);
  CHECK(cuts(p.scope_phase_start, p.scope_box.size(), p.scope_phases.size()));
  CHECK(cuts(p.claim_leaf_start, p.claim_scope.size(), leaves));
  CHECK(cuts(p.sloped_start, p.sloped_start.size() - 1, p.sloped.size()));
  CHECK(cuts(p.leaf_phase_start, leaves, p.leaf_phases.size()));
  CHECK(cuts(p.leaf_slope_start, leaves, p.slopes.size()));
  CHECK(cuts(p.leaf_weight_start, leaves, p.weights.size()));
  CHECK(p.multipliers.size() == p.leaf_phases.size());
  CHECK(p.weight_constraint.size() == p.weights.size());
}

TEST_CASE("a recorder says when its memory is used up") {
  const PropertyQuestion q = small_question();
  const Verifier verifier(q.network);
  ProofRecorder tight(verifier.graph(), q.property, 16);
  CHECK(verifier.decide(q.property, 1, few_calls(), &tight).verdict == Verdict::robust);
  CHECK(tight.overflowed());
  CHECK(tight.memory_left() == 0);
}

TEST_CASE("what another recorder has comes behind, with its own numbers") {
  const PropertyQuestion q = small_question();
  const Verifier verifier(q.network);
  const auto record = [&](ProofRecorder& recorder) {
    recorder.begin_box(q.property.boxes[0].low, q.property.boxes[0].high, {0});
    const int outer = recorder.open_scope(-1, -1, {});
    recorder.open_scope(outer, 0, {});
  };
  ProofRecorder recorder(verifier.graph(), q.property, kPlenty);
  ProofRecorder other(verifier.graph(), q.property, kPlenty);
  record(recorder);
  record(other);
  recorder.append(other);
  CHECK(other.take().empty());
  const Proof both = recorder.take();
  CHECK(both.box_low == std::vector<double>{-1, -1, -1, -1});
  CHECK(both.scope_box == std::vector<std::int64_t>{0, 0, 1, 1});
  CHECK(both.scope_parent == std::vector<std::int64_t>{-1, 0, -1, 2});
  CHECK(both.scope_case == std::vector<std::int64_t>{-1, 0, -1, 0});
  CHECK(both.scope_phase_start == std::vector<std::int64_t>{0, 0, 0, 0, 0});

  const Proof one = proof_of(q);
  Proof twice = one;
  twice.append(one);
  CHECK(twice.weights.size() == 2 * one.weights.size());
  CHECK(twice.claim_leaf_start.back() == 2 * one.claim_leaf_start.back());
  CHECK(twice.claim_scope.back() == one.claim_scope.back() + static_cast<std::int64_t>(one.scope_box.size()));
  CHECK(twice.leaf_slope_start.back() == static_cast<std::int64_t>(twice.slopes.size()));
}

TEST_CASE("a proof by halves does not depend on threads") {
  std::mt19937 random(3);
  const Network network = random_dense({3, 10, 10, 1}, 1, random);
  PropertyQuestion q{.what = "few inputs", .network = network, .property = {}};
  q.property.inputs = 3;
  q.property.outputs = 1;
  q.property.boxes = {{.low = {-1, -1, -1}, .high = {1, 1, 1}}};
  double most = -HUGE_VAL;
  std::uniform_real_distribution<double> draw(-1, 1);
  for (int i = 0; i < 2000; ++i)
    most = std::max(most, network.forward(std::vector<double>{draw(random), draw(random), draw(random)})[0]);
  q.property.cases = {{.box = 0, .constraints = {{.terms = {{0, -1}}, .limit = -most - 0.5 * std::abs(most)}}}};
  const Verifier verifier(q.network);
  std::vector<Digest> digests;
  for (const int threads : {1, 3}) {
    ProofRecorder recorder(verifier.graph(), q.property, kPlenty);
    const abstract::Used never = [] { return 0.0; };
    REQUIRE(verifier.decide(q.property, threads, never, &recorder).verdict == Verdict::robust);
    digests.push_back(digest_of(recorder.take().to_fields()));
  }
  CHECK(digests[0] == digests[1]);
}
