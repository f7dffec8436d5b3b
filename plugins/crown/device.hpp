// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <vector>

#include "domain.hpp"
#include "effort.hpp"

/// What the plugin and the library that knows LibTorch say to each other. Plain numbers, vectors and virtual functions
/// only: LibTorch may have been built with another kind of std::string than everything else.
namespace espalier::crown {

/// A Program up to the value that goals are about, its lines and the goals, as arrays.
struct DeviceProblem {
  struct Term {
    std::int32_t row;
    std::int32_t column;
    float weight;
  };
  struct Edge {
    int source = 0;  ///< an earlier value
    std::vector<Term> terms;
  };
  struct Value {
    int size = 0;
    bool relu = false;
    int neurons = 0;  ///< of a ReLU value: the number of its first neuron
    std::vector<Edge> edges;
    std::vector<double> bias;
    std::vector<float> rounded_bias;
    std::vector<float> slack;
  };
  std::vector<Value> values;  ///< the first is the input, the last what goals are about
  std::vector<float> centre;
  std::vector<float> radius;
  double underflow = 0;  ///< see Program, as the next
  double error_scale = 0;
  std::vector<float> low, high, offset;  ///< of all neurons, see Lines
  std::vector<std::int32_t> free;        ///< neurons that may be split, or are
  std::vector<float> goals;              ///< factors, [goals x size of the last value]
  std::vector<double> thresholds;
};

/// All of them are said by whoever makes one: what they are otherwise is known elsewhere.
struct DeviceOptions {
  Effort effort;
  int candidates;  ///< see BranchOptions, as the next
  float gap_weight;
  int often;           ///< domains that fail narrowly so often in a row are given to the host
  std::size_t memory;  ///< bytes that domains and the work on them may take
  int threads;         ///< where the device is the CPU
};

/// A point, [inputs], where a goal may fail.
struct DevicePoint {
  std::size_t goal = 0;
  std::vector<float> point;
};

/// What one round on the device brought.
struct DeviceRound {
  std::int64_t bounded = 0;  ///< children
  Domains taken;             ///< out of the trees: with every neuron fixed, or failing narrowly
  std::vector<DevicePoint> points;
};

/// What every call of the two classes below throws when the device has no memory for it, not even for the least of it.
class DeviceFull final : public std::exception {
 public:
  const char* what() const noexcept override { return "the device's memory is full"; }
};

/// The trees of a search with their open domains, on a device; a call that throws leaves none of them out. One
/// thread's.
class DeviceTrees {
 public:
  DeviceTrees() = default;
  DeviceTrees(const DeviceTrees&) = delete;
  DeviceTrees& operator=(const DeviceTrees&) = delete;
  virtual ~DeviceTrees() = default;

  /// Needs: every domain has candidates.
  virtual void put(const Domains& domains) = 0;
  virtual std::int64_t open() const = 0;
  /// Splits up to so many domains, the worst first, and bounds what comes out; when they fill the memory, the best
  /// first. Splits fewer when the device's memory does not suffice.
  virtual DeviceRound round(std::int64_t parents) = 0;
  /// Domains that one round can split at most.
  virtual std::int64_t most_parents() const = 0;
  /// The smallest bound of an open domain; infinity when there is none.
  virtual double worst() const = 0;
  /// The smallest bound of a domain that was closed; infinity when there is none.
  virtual double closed_bound() const = 0;
  /// The open domains, with their literals and bounds and nothing else. Takes no memory of the device.
  virtual Domains open_domains() const = 0;
};

/// One LibTorch device. Throws another std::exception when the device fails.
class DeviceMaker {
 public:
  DeviceMaker() = default;
  DeviceMaker(const DeviceMaker&) = delete;
  DeviceMaker& operator=(const DeviceMaker&) = delete;
  virtual ~DeviceMaker() = default;
  /// To be deleted by the caller.
  virtual DeviceTrees* make_trees(const DeviceProblem& problem, const DeviceOptions& options) const = 0;
};

/// What the library exports. Graphics processors that LibTorch sees; -1 when it was built without CUDA.
using CountGpus = int();
/// Nothing when LibTorch does not have the device: gpu -1 is the CPU. Lives as long as the process.
using OpenDevice = const DeviceMaker*(int gpu, char* failure, std::size_t failure_size);
inline constexpr const char* kCountGpus = "espalier_crown_count_gpus";
inline constexpr const char* kOpenDevice = "espalier_crown_open_device";

}  // namespace espalier::crown
