// SPDX-License-Identifier: Apache-2.0
#include "exchange/vnnlib.hpp"
#include "seeds.hpp"

namespace espalier::testing {

std::vector<std::string> seeds() {
  const std::string two_by_two =
      "; a comment\n(set-logic QF_LRA)\n(declare-const X_0 Real)\n(declare-fun X_1 () Real)\n"
      "(declare-const Y_0 Real)\n(declare-const Y_1 Real)\n"
      "(assert (<= X_0 1)) (assert (>= X_0 -1.5e-3))\n(assert (<= 0 X_1 0.25))\n";
  std::vector<std::string> files{
      two_by_two + "(assert (<= Y_0 Y_1))\n",
      two_by_two + "(assert (or (and (>= Y_0 Y_1) (<= X_0 .5)) (and (<= (+ (* 2 Y_1) -1e-3) Y_0))))\n",
      two_by_two + "(assert (<= (- Y_0 (/ Y_1 4)) 12.5)) (assert (and (or true (= Y_1 3)) (>= (* -1 Y_1) (- 3))))\n",
      "(declare-const X_0 Real)(declare-const Y_0 Real)(assert(>= X_0 0))(assert(<= X_0 0.1))(assert "
      "false)(check-sat)"};
  for (std::string& file : std::vector(files)) {
    files.push_back(exchange::vnnlib_text(exchange::parse_vnnlib(file, "seed")));
  }
  return files;
}

}  // namespace espalier::testing
