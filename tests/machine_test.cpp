// SPDX-License-Identifier: Apache-2.0
#include "core/machine.hpp"

#include <cstdlib>
#include <regex>
#include <string>

#include <doctest/doctest.h>

#include "core/blas.hpp"

namespace core = espalier::core;

TEST_CASE("the BLAS core type follows from the CPU, and the user's own choice stays") {
  ::unsetenv("OPENBLAS_CORETYPE");
  core::configure_numeric_libraries();
  const char* chosen = std::getenv("OPENBLAS_CORETYPE");
  if (core::cpu_capability() == "avx512") CHECK(std::string(chosen) == "SkylakeX");
  if (core::cpu_capability() == "avx2") CHECK(std::string(chosen) == "Haswell");

  ::setenv("OPENBLAS_CORETYPE", "Zen", 1);
  core::configure_numeric_libraries();
  CHECK(std::string(std::getenv("OPENBLAS_CORETYPE")) == "Zen");
  ::unsetenv("OPENBLAS_CORETYPE");
  core::configure_numeric_libraries();
}

TEST_CASE("kernels are older than the CPU when they leave a part of it idle") {
  CHECK(core::are_older_kernels("Haswell", "avx512"));
  CHECK(core::are_older_kernels("Prescott", "avx512"));
  CHECK(core::are_older_kernels("Prescott", "avx2"));
  CHECK_FALSE(core::are_older_kernels("SkylakeX", "avx512"));
  CHECK_FALSE(core::are_older_kernels("Zen", "avx2"));
  CHECK_FALSE(core::are_older_kernels("Prescott", "sse2"));
  CHECK_FALSE(core::are_older_kernels("Cooperlake", "avx512"));
  CHECK_FALSE(core::are_older_kernels("", "avx512"));          // another BLAS
  CHECK_FALSE(core::are_older_kernels("NotYetMade", "avx2"));  // nothing is known of it
}

TEST_CASE("a BLAS says who it is, and the same each time") {
  const core::Blas& blas = core::blas();
  CHECK_FALSE(blas.version.empty());
  CHECK((blas.version == "none") == (blas.library == nullptr));
  CHECK(&core::blas() == &blas);
}

TEST_CASE("the time is ISO 8601 in UTC") {
  CHECK(std::regex_match(core::utc_now(), std::regex(R"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)")));
}
