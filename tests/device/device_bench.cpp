// SPDX-License-Identifier: Apache-2.0
// Subproblems per second of crown's search on every device of this machine, side by side: the own kernels on all cores,
// LibTorch on the CPU, and every GPU. Wall clock. Questions of guidotti-nets that a first attack did not answer.
//   espalier_device_bench $ESPALIER_CASES [NETWORK [IMAGES [SUBPROBLEMS]]]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "core/machine.hpp"
#include "crown/device_library.hpp"
#include "crown/kernels.hpp"
#include "crown/search.hpp"
#include "exchange/onnx.hpp"
#include "exchange/vnnlib.hpp"
#include "support/property_cases.hpp"

using namespace espalier;

namespace {

using Clock = std::chrono::steady_clock;

const int kCores = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));

struct Place {
  std::string name;
  crown::Device device;
  std::int64_t subproblems;  ///< of one measurement
};

/// The subproblems that a search bounds in a second, once it is warm.
double rate(const crown::Root& root, const std::vector<crown::Case>& cases, const Place& place) {
  const crown::TryPoint never = [](std::size_t, std::span<const float>) { return false; };
  const crown::MayContinue always = [] { return true; };
  crown::SearchOptions options;
  options.threads = kCores;
  options.most_domains = place.subproblems;
  options.device = place.device.maker();
  if (options.device != nullptr && !place.device.is_own()) options.memory = std::size_t{8} << 30;
  const auto start = Clock::now();
  const crown::SearchResult result = crown::search(root, cases, options, never, always);
  return static_cast<double>(result.domains) / std::chrono::duration<double>(Clock::now() - start).count();
}

void measure(const Network& network, const std::string& file, const std::vector<Place>& places) {
  const Property property = exchange::read_vnnlib(file);
  const abstract::Graph graph(network);
  abstract::Intervals hull;
  for (std::size_t i = 0; i < property.boxes[0].low.size(); ++i) {
    hull.push_back({property.boxes[0].low[i], property.boxes[0].high[i]});
  }
  const abstract::Box box(std::move(hull));
  const std::vector<crown::Case> cases = testing::cases_in(property, 0);
  crown::RootOptions how;
  how.threads = kCores;
  const auto root = crown::make_root(graph, box, {}, nullptr, how, [] { return true; });
  std::printf("%-28s", file.substr(file.rfind('/') + 1).c_str());
  for (const Place& place : places) {
    rate(*root, cases, place);
    std::printf(" %12.0f", rate(*root, cases, place));
    std::fflush(stdout);
  }
  std::printf("\n");
}

std::vector<std::string> open_questions(const std::string& folder, const std::string& network, std::size_t most) {
  std::vector<std::string> files;
  std::ifstream list(folder + "/instances_mnist.csv");
  for (std::string line; files.size() < most && std::getline(list, line);) {
    const auto first = line.find(',');
    const auto second = line.find(',', first + 1);
    if (line.find(network + ".onnx,") == std::string::npos || line.find(",open") == std::string::npos) continue;
    files.push_back(folder + "/" + line.substr(first + 1, second - first - 1) + ".gz");
  }
  return files;
}

}  // namespace

int main(int count, char** arguments) {
  core::configure_numeric_libraries();  // before LibTorch brings in BLAS
  if (count < 2) {
    std::fprintf(stderr, "usage: %s --devices | <folder of cases> [network [images [subproblems]]]\n", arguments[0]);
    return 2;
  }
  if (std::string(arguments[1]) == "--devices") {
    for (const std::string& device : crown::Device::names()) std::printf("%s\n", device.c_str());
    return 0;
  }
  const std::string folder = std::string(arguments[1]) + "/guidotti-nets";
  const std::string name = count > 2 ? arguments[2] : "mnist-NET1-baseline";
  const std::size_t images = count > 3 ? std::strtoul(arguments[3], nullptr, 10) : 3;
  const std::int64_t most = count > 4 ? std::strtol(arguments[4], nullptr, 10) : 20'000;
  const Network network = exchange::read_onnx(folder + "/onnx/" + name + ".onnx.gz");
  std::vector<Place> places;
  std::printf("%s, subproblems/s on %d cores, kernels %s\n%-28s", name.c_str(), kCores, crown::kernels().name, "");
  for (const std::string& device : crown::Device::names()) {
    const bool gpu = device.starts_with("cuda");
    places.push_back({device, crown::Device::named(device), gpu ? 100 * most : most});
    std::printf(" %12s", device.c_str());
  }
  std::printf("\n");
  for (const std::string& file : open_questions(folder, name, images)) measure(network, file, places);
  return 0;
}
