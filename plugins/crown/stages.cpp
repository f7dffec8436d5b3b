// SPDX-License-Identifier: Apache-2.0
#include "stages.hpp"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include <abstract/graph.hpp>
#include <fmt/format.h>

#include <espalier/property.hpp>
#include <espalier/results.hpp>

#include "verifier.hpp"

namespace espalier::crown {
namespace {

std::size_t bytes_of_mib(std::int64_t mib) {
  return static_cast<std::size_t>(mib) << 20;
}

/// As floats if it is one of them.
void take_witness(std::vector<double> point, abstract::Answer& answer) {
  std::vector<float> floats(point.begin(), point.end());
  if (std::ranges::equal(floats, point, {}, [](float x) { return static_cast<double>(x); })) {
    answer.witness = std::move(floats);
  } else {
    answer.fine_witness = std::move(point);
  }
}

/// Of what is robust; else there is none. Without one in spite of that, the decision's message says why.
Proof take_proof(ProofRecorder& recorder, const PropertyParams& params, Decision& decision) {
  if (decision.verdict != Verdict::robust) return {};
  if (!recorder.overflowed() && !recorder.given_up()) return recorder.take();
  decision.message += decision.message.empty() ? "" : "; ";
  decision.message += recorder.overflowed()
                          ? fmt::format("no proof is kept: it takes more than {} MiB (memory_mib)", params.memory_mib)
                          : "no proof is kept: there was no time left to write it down";
  return {};
}

/// What becomes of a network that is too large for its limit; nothing of others.
std::optional<Decision> refused_size(const Network& network, const PropertyParams& params) {
  const double mib = abstract::expected_bytes(network) / 0x1p20;
  if (params.network_mib == 0 || mib <= static_cast<double>(params.network_mib)) return std::nullopt;
  Decision refused;
  refused.message = fmt::format("the network alone takes about {:.0f} MiB, more than the {} MiB that it may have", mib,
                                params.network_mib);
  return refused;
}

Decision decide(const Network& network, const Property& property, const PropertyParams& params, Context& ctx,
                Proof& proof) {
  const abstract::Used used = abstract::clock_of(ctx, params.budget_s);
  if (auto refused = refused_size(network, params)) return *std::move(refused);
  const Verifier verifier(network, bytes_of_mib(params.memory_mib), Device::chosen(params.device, ctx.device()));
  ProofRecorder recorder(verifier.graph(), property, bytes_of_mib(params.memory_mib));
  Decision decision = verifier.decide(property, ctx.threads(), used, params.keep_proof ? &recorder : nullptr);
  if (params.keep_proof) proof = take_proof(recorder, params, decision);
  return decision;
}

}  // namespace

void verify(const VerifyParams& params, Context& ctx) {
  const Verifier verifier(ctx.in<Network>("network"), bytes_of_mib(params.memory_mib),
                          Device::chosen(params.device, ctx.device()));
  const int threads = ctx.threads();
  double subproblems = 0;
  Verdicts verdicts = abstract::answer_all(
      "crown.verify", params, ctx, [&](const abstract::Question& question, const abstract::Used& used) {
        Decision d = verifier.decide(question, threads, used);
        subproblems += static_cast<double>(d.subproblems);
        abstract::Answer answer{.verdict = d.verdict, .bound = d.bound, .message = std::move(d.message), .witness = {}};
        if (d.witness) take_witness(*std::move(d.witness), answer);
        return answer;
      });
  Metrics metrics;
  metrics.values = {{"subproblems", subproblems}};
  ctx.out("metrics", std::move(metrics));
  ctx.out("verdicts", std::move(verdicts));
}

void verify_property(const PropertyParams& params, Context& ctx) {
  const auto& network = ctx.in<Network>("network");
  const auto& property = ctx.in<Property>("property");
  require_fit(network, property);
  const auto start = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); };
  Proof proof;
  Decision d = decide(network, property, params, ctx, proof);
  ctx.out("proof", std::move(proof));
  Metrics metrics;
  metrics.values = {{"subproblems", static_cast<double>(d.subproblems)}, {"lower_bound", d.bound}, {"rigorous", 1}};
  ctx.out("metrics", std::move(metrics));
  ctx.out("verdicts", abstract::verdict_on_property("crown.property", params.budget_s, network,
                                                    {.verdict = d.verdict,
                                                     .bound = d.bound,
                                                     .message = std::move(d.message),
                                                     .witness = std::move(d.witness),
                                                     .seconds = seconds()}));
}

}  // namespace espalier::crown
