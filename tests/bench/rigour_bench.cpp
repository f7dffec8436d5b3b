// SPDX-License-Identifier: Apache-2.0
// What it costs that bounds hold over the reals: subproblems per processor second of crown's search with the error
// terms of float and without them, and how many of them a second that is on NET1 of guidotti-nets. One thread.
//   espalier_rigour_bench $ESPALIER_CASES [NETWORK [IMAGES]]
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <string>
#include <vector>

#include "crown/kernels.hpp"
#include "crown/search.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "loose_kernels.hpp"
#include "support/property_cases.hpp"

using namespace espalier;

namespace {

constexpr int kRuns = 5;

/// The subproblems that a search bounds in one second of the processor.
double rate(const crown::Root& root, const std::vector<crown::Case>& cases, bool rigorous) {
  bench::use_rigorous_kernels(rigorous);
  const crown::TryPoint never = [](std::size_t, std::span<const float>) { return false; };
  const crown::MayContinue always = [] { return true; };
  crown::SearchOptions options;
  options.most_domains = 20'000;
  const std::clock_t start = std::clock();
  const crown::SearchResult result = crown::search(root, cases, options, never, always);
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  return static_cast<double>(result.domains) / seconds;
}

double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

/// Prints a line; the two rates of the image.
std::pair<double, double> measure(const Network& network, const std::string& file) {
  const Property property = exchange::read_vnnlib(file);
  const abstract::Graph graph(network);
  abstract::Intervals hull;
  for (std::size_t i = 0; i < property.boxes[0].low.size(); ++i) {
    hull.push_back({property.boxes[0].low[i], property.boxes[0].high[i]});
  }
  const abstract::Box box(std::move(hull));
  const std::vector<crown::Case> cases = testing::cases_in(property, 0);
  bench::use_rigorous_kernels(true);
  const auto root = crown::make_root(graph, box, {}, nullptr, {}, [] { return true; });
  std::vector<double> rigorous;
  std::vector<double> loose;
  for (int i = 0; i < kRuns; ++i) {
    rigorous.push_back(rate(*root, cases, true));
    loose.push_back(rate(*root, cases, false));
  }
  const std::pair rates{median(rigorous), median(loose)};
  std::printf("%-24s %12.0f %12.0f %9.1f %%\n", file.substr(file.rfind('/') + 1).c_str(), rates.first, rates.second,
              100 * (rates.second / rates.first - 1));
  std::fflush(stdout);
  return rates;
}

/// The questions about a network that a first attack did not answer.
std::vector<std::string> open_questions(const std::string& folder, const std::string& network) {
  std::vector<std::string> files;
  std::ifstream list(folder + "/instances_mnist.csv");
  for (std::string line; std::getline(list, line);) {
    const auto first = line.find(',');
    const auto second = line.find(',', first + 1);
    if (line.find(network + ".onnx,") == std::string::npos || line.find(",open") == std::string::npos) continue;
    files.push_back(folder + "/" + line.substr(first + 1, second - first - 1) + ".gz");
  }
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2) {
    std::fprintf(stderr, "usage: %s <folder of cases> [network [images]]\n", arguments[0]);
    return 2;
  }
  const std::string folder = std::string(arguments[1]) + "/guidotti-nets";
  const std::string name = count > 2 ? arguments[2] : "mnist-NET1-baseline";
  const std::size_t most = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 5;
  const Network network = exchange::read_onnx(folder + "/onnx/" + name + ".onnx.gz");
  std::printf("%s, kernels %s\n%-24s %12s %12s %11s\n", name.c_str(), crown::kernels().name, "", "subproblems/s",
              "without", "cost");
  std::vector<double> rigorous;
  std::vector<double> costs;
  for (const std::string& file : open_questions(folder, name)) {
    if (rigorous.size() == most) break;
    const auto [with, without] = measure(network, file);
    rigorous.push_back(with);
    costs.push_back(100 * (without / with - 1));
  }
  if (rigorous.empty()) return 1;
  std::printf("%-24s %12.0f %12s %9.1f %%\n", "median", median(rigorous), "", median(costs));
  return 0;
}
