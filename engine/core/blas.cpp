// SPDX-License-Identifier: Apache-2.0
#include "core/blas.hpp"

#include <filesystem>
#include <system_error>

#include <dlfcn.h>

namespace espalier::core {
namespace {

std::string resolved(const char* file) {
  std::error_code unknown;
  const std::filesystem::path whole = std::filesystem::canonical(file, unknown);
  return unknown ? std::string(file) : whole.string();
}

std::string version_of(const Blas& blas) {
  if (auto config = reinterpret_cast<char* (*)()>(dlsym(blas.library, "openblas_get_config"))) return config();
  const std::filesystem::path file(blas.file);
  return (file.parent_path().filename() / file.filename()).string();
}

Blas loaded() {
  Blas out{.library = dlopen("libblas.so.3", RTLD_NOW | RTLD_LOCAL), .file = {}, .version = "none"};
  if (out.library == nullptr) return out;
  Dl_info where{};
  void* product = dlsym(out.library, "sgemm_");
  if (product != nullptr && dladdr(product, &where) != 0 && where.dli_fname != nullptr) {
    out.file = resolved(where.dli_fname);
  }
  out.version = version_of(out);
  return out;
}

}  // namespace

const Blas& blas() {
  static const Blas found = loaded();
  return found;
}

}  // namespace espalier::core
