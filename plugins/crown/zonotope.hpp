// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "clip.hpp"
#include "form_network.hpp"
#include "lanes.hpp"

namespace espalier::crown {

/// What is known about the elements of a value on a box: every input of the box has a noise vector in [-1, 1]^n, one
/// number a generator, with
///   element i = row(i) . (1, noise), give or take error[i].
/// Generators that belong to a single element are kept aside: they only become columns when a matrix mixes them.
struct Forms {
  struct Fresh {
    std::int32_t element;
    double radius;
  };
  int columns = 0;  ///< numbers a row without the fresh generators; rows are padded with zeros to `stride`
  long stride = 0;
  Aligned<double> rows;
  std::vector<double> error;
  std::vector<double> radius;      ///< at least the sum of an element's generators
  std::vector<std::int32_t> live;  ///< elements that are not 0; the rows of others are zeros
  int first_fresh = 0;             ///< the column that fresh[0] will be
  std::vector<Fresh> fresh;

  double* row(std::size_t i) { return rows.data() + static_cast<long>(i) * stride; }
  const double* row(std::size_t i) const { return rows.data() + static_cast<long>(i) * stride; }
  /// Columns once the fresh generators are some too.
  int all_columns() const { return fresh.empty() ? columns : first_fresh + static_cast<int>(fresh.size()); }
};

/// Certified bounds of all goals on one box after another by zonotopes (Singh et al. 2018, "Fast and effective
/// robustness certification"), in double: forward through the network, one new generator an unstable neuron. For few
/// inputs this costs less than a backward pass for every neuron, and often bounds better. One thread's.
///
/// Rounding: the computed rows are what the inequality above is stated for; what a step loses goes into `error`, which
/// a matrix carries on as |W| error and a new generator takes over.
class Zonotope {
 public:
  explicit Zonotope(const FormNetwork& network);

  /// Bounds the goals on low <= x <= high. Needs: both finite, low <= high.
  void bound(std::span<const double> low, std::span<const double> high);

  /// Goal g minus its threshold on the box is goal_row(g) . (1, noise), give or take goal_error(g).
  std::span<const double> goal_row(std::size_t g) const;
  double goal_error(std::size_t g) const { return forms_.back().error[g]; }
  /// The same with everything but the directions at its worst.
  Plane goal_plane(std::size_t g) const;
  double goal_bound(std::size_t g) const;  ///< certified; -infinity when nothing is known

  /// The inputs that vary, in the order of their noise: input x of direction d is centre + radius * noise[d], which is
  /// column d + 1.
  struct Direction {
    std::int32_t input;
    double centre;
    double radius;
  };
  const std::vector<Direction>& directions() const { return directions_; }
  /// Adds to the score of each direction what the generators of a goal owe to it: a generator of an unstable neuron
  /// exists because the neuron's input varies, which the directions have shares in.
  void add_scores(std::size_t g, std::span<double> scores);

 private:
  int columns() const { return 1 + static_cast<int>(directions_.size() + origins_.size()); }
  void set_input(std::span<const double> low, std::span<const double> high);
  void affine(const FormStep& step, const Forms& x, Forms& y);
  void multiply(const FormStep& step, const Forms& x, Forms& y) const;
  void relu(const Forms& x, Forms& y);
  void relax(const Forms& x, std::size_t element, double low, double high, Forms& y);
  void add(const Forms& a, const Forms& b, Forms& y) const;
  Forms& settled(int value);
  Forms& forms(int value);
  void find_shares();

  const FormNetwork* network_;
  std::vector<Forms> forms_;
  std::vector<int> place_;  ///< of each value in forms_: a reshaped value is the value itself
  std::vector<Direction> directions_;
  /// The neuron of each generator after those of the directions: an element of what enters a ReLU.
  struct Origin {
    const Forms* forms;
    std::size_t element;
  };
  std::vector<Origin> origins_;
  Aligned<double> shares_;  ///< [direction x column], once asked for
  long shares_stride_ = 0;
  bool has_shares_ = false;
  std::vector<double> sizes_;
  int most_generators_;
};

}  // namespace espalier::crown
