// SPDX-License-Identifier: Apache-2.0
// Feeds a fuzz target a number of broken copies of good files: what the tests run, with any compiler. The inputs follow
// from their numbers, so one that fails can be had again. usage: PROGRAM INPUTS [FIRST_NUMBER]
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "seeds.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

volatile std::sig_atomic_t current = 0;

void say_which(int signal) {
  std::fprintf(stderr, "signal %d at input %ld\n", signal, static_cast<long>(current));
  std::_Exit(1);
}

class Mutation {
 public:
  Mutation(const std::vector<std::string>& seeds, std::uint32_t number) : seeds_(seeds), random_(number) {}

  std::string input() {
    std::string bytes = any_seed();
    for (std::size_t changes = 1 + below(4); changes > 0; --changes) change(bytes);
    return bytes;
  }

 private:
  std::size_t below(std::size_t n) { return random_() % std::max<std::size_t>(n, 1); }
  const std::string& any_seed() { return seeds_[below(seeds_.size())]; }

  void change(std::string& bytes) {
    const std::size_t at = below(bytes.size());
    const std::size_t length = std::min(below(below(4) == 0 ? 64 : 4), bytes.size() - at);
    const std::string& other = any_seed();
    switch (below(6)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ 1 << below(8));
        break;
      case 1:
        bytes.replace(at, length, length, static_cast<char>(random_()));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(at, other, below(other.size()), 1 + below(32));
        break;
      case 4:
        bytes.replace(at, length, other, below(other.size()), length);
        break;
      default:
        if (below(8) == 0) bytes.resize(at);
    }
  }

  const std::vector<std::string>& seeds_;
  std::mt19937 random_;
};

void feed(const std::string& bytes) {
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  const long inputs = argc > 1 ? std::atol(argv[1]) : 0;
  const long first = argc > 2 ? std::atol(argv[2]) : 0;
  if (inputs <= 0 || first < 0) {
    std::fprintf(stderr, "usage: %s INPUTS [FIRST_NUMBER]\n", argv[0]);
    return 2;
  }
  for (const int signal : {SIGABRT, SIGSEGV, SIGFPE}) std::signal(signal, say_which);
  const std::vector<std::string> seeds = espalier::testing::seeds();
  for (const std::string& seed : seeds) feed(seed);
  for (long i = first; i < first + inputs; ++i) {
    current = static_cast<std::sig_atomic_t>(i);
    feed(Mutation(seeds, static_cast<std::uint32_t>(i)).input());
  }
  std::printf("%ld broken copies of %zu files: none crashed its reader\n", inputs, seeds.size());
  return 0;
}
