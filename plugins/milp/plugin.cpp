// SPDX-License-Identifier: Apache-2.0
// Verification as a mixed-integer program, the way of MIPVerify (Tjeng, Xiao & Tedrake 2019): a binary for every
// unstable neuron, with bounds as tight as can be had first. The branch and bound over the binaries is ours
// (linear_program/tree): a program's relaxation with a binary in [0, 1] is the neuron's triangle, and setting it is a
// split, so that nothing is lost; but every node is closed by a bound that is certified here, which no solver's tree
// offers.
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("milp").version("0.1.0").doc(
      "Robustness as a mixed-integer program: proofs, and the smallest distortion that changes an answer.");
  espalier::milp::add_verify(plugin);
  espalier::milp::add_distortion(plugin);
}
