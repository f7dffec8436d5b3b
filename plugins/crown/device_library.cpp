// SPDX-License-Identifier: Apache-2.0
#include "device_library.hpp"

#include <array>
#include <charconv>
#include <filesystem>
#include <map>
#include <mutex>
#include <optional>
#include <vector>

#include <boost/dll/runtime_symbol_info.hpp>
#include <boost/dll/shared_library.hpp>
#include <dlfcn.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <espalier/error.hpp>

namespace espalier::crown {
namespace {

namespace fs = std::filesystem;
using boost::dll::load_mode::type;

constexpr const char* kFile = "crown_device.so";

/// Beside the folder of plugins, seen from a plugin or from a program of the same tree.
std::vector<fs::path> places() {
  const fs::path here = fs::absolute(boost::dll::this_line_location()).parent_path();
  return {here.parent_path() / kFile, here.parent_path() / "lib" / "espalier" / kFile};
}

std::optional<fs::path> library_file() {
  for (const fs::path& file : places()) {
    if (fs::exists(file)) return file;
  }
  return std::nullopt;
}

/// The loaded library, which stays loaded: LibTorch cannot be unloaded.
const boost::dll::shared_library& library() {
  static std::mutex mutex;
  static auto* loaded = new boost::dll::shared_library;
  const std::lock_guard lock(mutex);
  if (loaded->is_loaded()) return *loaded;
  const auto file = library_file();
  if (!file) {
    throw Error(Code::missing, fmt::format("the library '{}' is not there: Espalier was built without LibTorch", kFile),
                "use device cpu, or build with ESPALIER_TORCH=ON");
  }
  std::error_code failed;
  loaded->load(*file, failed, type::rtld_now | type::rtld_local);
  if (failed) {
    const char* reason = dlerror();
    throw Error(Code::missing,
                fmt::format("'{}' cannot be loaded: {}", file->string(), reason != nullptr ? reason : failed.message()),
                "use device cpu, or rebuild Espalier with the LibTorch of this machine");
  }
  return *loaded;
}

/// -1: LibTorch was built without CUDA.
int count_gpus() {
  return library().get<CountGpus>(kCountGpus)();
}

const DeviceMaker* open(int gpu) {
  std::array<char, 1024> failure{};
  const auto& open_device = library().get<OpenDevice>(kOpenDevice);
  const DeviceMaker* maker = open_device(gpu, failure.data(), failure.size());
  if (maker == nullptr) throw Error(Code::missing, failure.data(), "use device cpu");
  return maker;
}

/// The number of "cuda" or "cuda:N".
std::optional<int> gpu_number(std::string_view name) {
  if (!name.starts_with("cuda")) return std::nullopt;
  name.remove_prefix(4);
  if (name.empty()) return 0;
  int number = 0;
  const auto [end, error] = std::from_chars(name.data() + 1, name.data() + name.size(), number);
  const bool whole = name[0] == ':' && error == std::errc() && end == name.data() + name.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

}  // namespace

Device Device::named(std::string_view name) {
  Device device;
  if (name == "cpu") return device;
  if (name == "torch-cpu") {
    device.gpu_ = kTorchCpu;
    library();
    return device;
  }
  const auto number = gpu_number(name);
  if (!number) {
    throw Error(Code::request, fmt::format("there is no kind of device '{}'", name),
                "use auto, cpu, cuda or cuda:N with the number of a GPU");
  }
  const int gpus = count_gpus();
  if (*number >= gpus) {
    throw Error(Code::missing,
                fmt::format("there is no device '{}': LibTorch {}", name,
                            gpus < 0 ? "was built without CUDA" : fmt::format("finds {} GPUs", gpus)),
                fmt::format("the devices here are: auto, {}", fmt::join(names(), ", ")));
  }
  device.gpu_ = *number;
  return device;
}

std::vector<std::string> Device::names() {
  std::vector<std::string> names{"cpu"};
  if (!library_file()) return names;
  names.emplace_back("torch-cpu");
  for (int i = 0; i < count_gpus(); ++i) names.push_back(fmt::format("cuda:{}", i));
  return names;
}

Device Device::chosen(std::string_view name, std::string_view given) {
  if (name != "auto") return named(name);
  Device device;
  if (const auto number = gpu_number(given)) {
    device.gpu_ = *number;
    device.optional_ = true;
  }
  return device;
}

const DeviceMaker* Device::maker() const {
  if (is_own()) return nullptr;
  if (given_ != nullptr) return given_;
  static std::mutex mutex;
  static auto* opened = new std::map<int, const DeviceMaker*>;
  const std::lock_guard lock(mutex);
  const auto it = opened->find(gpu_);
  if (it != opened->end()) return it->second;
  if (optional_ && count_gpus() <= gpu_) return (*opened)[gpu_] = nullptr;
  return (*opened)[gpu_] = open(gpu_);
}

}  // namespace espalier::crown
