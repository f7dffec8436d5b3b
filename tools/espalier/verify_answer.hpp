// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <espalier/results.hpp>

namespace espalier::cli {

/// What `espalier verify` says at the end.
struct VerifyAnswer {
  std::string result = "error";  ///< unsat, sat, unknown, timeout or error
  std::string verifier;
  double seconds = 0;        ///< since the process was started
  double setup_seconds = 0;  ///< of these, before the first subproblem
  std::string device = "cpu";
  int threads = 1;
  double subproblems = 0;
  std::optional<double> lower_bound;
  bool rigorous = false;          ///< the result holds over the reals
  bool witness_replayed = false;  ///< exactly
  std::string message;
  std::vector<double> inputs;        ///< the witness, with `sat`
  std::vector<std::string> outputs;  ///< decimals, see witness_outputs.hpp
};

std::string_view result_text(Verdict verdict);
/// "((X_0 0.5)\n (Y_0 1))": one variable a line, shortest decimals that read back to the same doubles.
std::string witness_text(const VerifyAnswer& answer);
/// One line of JSON; numbers that are none are null.
std::string json_text(const VerifyAnswer& answer);

}  // namespace espalier::cli
