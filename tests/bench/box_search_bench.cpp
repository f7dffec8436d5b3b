// SPDX-License-Identifier: Apache-2.0
// Seconds a published question of crown's search over boxes: files read, searched, witness replayed. The folder of
// cases, and the names of the sets to ask:
//   espalier_box_search_bench $ESPALIER_CASES acasxu_2022
#include <chrono>
#include <cstdio>
#include <ctime>
#include <mutex>
#include <string>

#include <espalier/replay.hpp>

#include "crown/box_search.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "support/property_cases.hpp"

using namespace espalier;
using End = crown::SearchResult::End;

namespace {

constexpr double kLimit = 60;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

std::string name(End end) {
  switch (end) {
    case End::proven:
      return "unsat";
    case End::violated:
      return "sat";
    case End::out_of_time:
      return "timeout";
    case End::given_up:
      return "given up";
    case End::stuck:
      return "stuck";
  }
  return "?";
}

void ask(const testing::PublishedCase& question) {
  const double start = now();
  const std::clock_t cpu_start = std::clock();
  const Network network = exchange::read_onnx(question.network);
  const Property property = exchange::read_vnnlib(question.property);
  const abstract::Graph graph(network);
  const double read = now();
  std::mutex mutex;
  const auto check = [&](std::size_t, std::span<const double> x) {
    const std::lock_guard lock(mutex);
    return replay(network, x, property).over_reals == Holds::yes;
  };
  std::int64_t boxes = 0;
  End end = End::proven;
  for (std::size_t b = 0; b < property.boxes.size() && end == End::proven; ++b) {
    const auto result =
        crown::box_search(graph, {property.boxes[b].low, property.boxes[b].high}, testing::cases_in(property, b),
                          {.threads = 2}, check, [&] { return now() - start < kLimit; });
    end = result.end;
    boxes += result.boxes;
  }
  const double cpu = static_cast<double>(std::clock() - cpu_start) / CLOCKS_PER_SEC;
  const bool decided = end == End::proven || end == End::violated;
  const char* judgement = !decided ? "open" : name(end) == question.verdict ? "right" : "WRONG";
  std::printf("%-5s %-8s %-9s read %.3f s, search %.4f s, cpu %.4f s, boxes %8lld  %s %s\n", judgement,
              name(end).c_str(), question.verdict.c_str(), read - start, now() - read, cpu,
              static_cast<long long>(boxes), question.network.substr(question.network.rfind('/') + 1).c_str(),
              question.property.substr(question.property.rfind('/') + 1).c_str());
  std::fflush(stdout);
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "usage: %s <folder of cases> <set> ...\n", arguments[0]);
    return 2;
  }
  for (const testing::PublishedCase& question : testing::published_cases(arguments[1])) {
    for (int i = 2; i < count; ++i) {
      if (question.set == arguments[i]) ask(question);
    }
  }
  return 0;
}
