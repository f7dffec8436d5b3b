// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>
#include <compare>
#include <deque>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include <abstract/radii.hpp>
#include <fmt/format.h>

#include <espalier/error.hpp>
#include <espalier/fit.hpp>
#include <espalier/network.hpp>

#include "contradiction.hpp"
#include "stages.hpp"

namespace espalier::measure {
namespace {

struct Params {};

/// Nothing in `some` is otherwise in `all`.
bool is_part(const Labels& some, const Labels& all) {
  return std::ranges::all_of(some, [&](const auto& label) {
    const auto it = all.find(label.first);
    return it != all.end() && it->second == label.second;
  });
}

/// Whose answer it is: a name, and the labels that do not name the network.
std::string who_is(const std::string& name, const Labels& all, const Labels& network) {
  Labels own;
  for (const auto& label : all) {
    if (!network.contains(label.first)) own.insert(label);
  }
  return own.empty() ? name : fmt::format("{} ({})", name, labels_text(own));
}

/// One image of one network.
struct Subject {
  std::size_t network = 0;
  std::int64_t image = 0;
  std::int64_t label = 0;
  friend auto operator<=>(const Subject&, const Subject&) = default;
};

struct File {
  std::vector<Said> said;
  std::vector<Said> proven;  ///< radii that nobody had asked about
  std::vector<Found> found;
  std::optional<Place> place;
  std::vector<std::pair<const abstract::Radii*, const abstract::Radii::Row*>> radii;  ///< where `proven` comes from
};

/// Everything that is said, subject by subject.
class Casebook {
 public:
  explicit Casebook(Context& ctx) : networks_(ctx.all("networks")) {
    require_different_labels();
    for (const Gathered& g : ctx.all("verdicts")) add(g.as<Verdicts>(), g.labels);
    for (const Gathered& g : ctx.all("radii")) add(abstract::radii_in(g.as<Metrics>()), g.labels);
    for (const Gathered& g : ctx.all("attacks")) add(g.as<Attacks>(), g.labels);
    for (const Gathered& g : ctx.all("instances")) add(g.as<Instances>(), g.labels);
  }

  const std::map<Subject, File>& files() const { return files_; }
  const Network& network(const Subject& subject) const { return networks_[subject.network].as<Network>(); }
  std::string text(const Subject& subject) const {
    return fmt::format("image {}, label {}, of the network with {}", subject.image, subject.label,
                       labels_text(networks_[subject.network].labels));
  }

 private:
  void require_different_labels() const {
    std::set<Labels> seen;
    for (const Gathered& g : networks_) {
      if (seen.insert(g.labels).second) continue;
      throw Error(Code::request, fmt::format("two networks are gathered with {}", labels_text(g.labels)),
                  "gather them under names: networks = { one = \"...\", other = \"...\" }, and the answers likewise");
    }
  }

  std::size_t network_of(const std::string& who, const Labels& labels) const {
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < networks_.size(); ++i) {
      if (!is_part(networks_[i].labels, labels)) continue;
      if (found) {
        throw Error(
            Code::request,
            fmt::format("'{}' with {} may be about the network with {} or the one with {}", who, labels_text(labels),
                        labels_text(networks_[*found].labels), labels_text(networks_[i].labels)),
            "gather only the networks the answers are about, with all their axes");
      }
      found = i;
    }
    if (found) return *found;
    throw Error(Code::request, fmt::format("'{}' with {} is about none of the networks", who, labels_text(labels)),
                "an answer's labels hold all labels of its network: gather both over the same axes or names");
  }

  void add(const Verdicts& verdicts, const Labels& labels) {
    const std::size_t network = network_of(verdicts.solver, labels);
    const std::string who = who_is(verdicts.solver, labels, networks_[network].labels);
    for (std::size_t i = 0; i < verdicts.rows.size(); ++i) {
      const Verdicts::Row& row = verdicts.rows[i];
      File& here = files_[{network, row.image, row.label}];
      here.said.push_back({who, &row});
      if (row.verdict != Verdict::counterexample) continue;
      here.found.push_back({.who = who,
                            .label = row.label,
                            .beats = row.target,
                            .epsilon = row.epsilon,
                            .distance = {},
                            .point = point_of(verdicts.witnesses, verdicts.witness_rows, i)});
    }
  }

  /// A proof and a point for every image, as far as they go.
  void add(abstract::Radii&& told, const Labels& labels) {
    const abstract::Radii& radii = radii_.emplace_back(std::move(told));
    const std::size_t network = network_of(radii.who, labels);
    const std::string who = who_is(radii.who, labels, networks_[network].labels);
    require_network(radii, networks_[network].as<Network>(),
                    fmt::format("the network with {}", labels_text(networks_[network].labels)));
    for (const abstract::Radii::Row& row : radii.rows) {
      File& here = files_[{network, row.image, row.label}];
      here.radii.emplace_back(&radii, &row);
      if (row.proven > 0) {
        proofs_.push_back({.image = row.image,
                           .label = row.label,
                           .target = row.target,
                           .epsilon = row.proven,
                           .verdict = Verdict::robust,
                           .bound = -HUGE_VAL,
                           .message = {}});
        here.proven.push_back({who, &proofs_.back()});
      }
      if (!std::isfinite(row.broken)) continue;
      here.found.push_back(
          {.who = who, .label = row.label, .beats = row.target, .epsilon = row.broken, .distance = {}, .point = {}});
    }
  }

  /// Only about images that something else is said of. Needs: all verdicts and radii are there.
  void add(const Attacks& attacks, const Labels& labels) {
    const std::size_t network = network_of(attacks.method, labels);
    const std::string who = who_is(attacks.method, labels, networks_[network].labels);
    for (std::size_t i = 0; i < attacks.rows.size(); ++i) {
      const Attacks::Row& row = attacks.rows[i];
      const auto here = files_.find({network, row.image, row.label});
      if (!row.found || here == files_.end()) continue;
      here->second.found.push_back({.who = who,
                                    .label = row.label,
                                    .beats = row.adversarial_class,
                                    .epsilon = attacks.epsilon,
                                    .distance = row.distance,
                                    .point = point_of(attacks.points, attacks.point_rows, i)});
    }
  }

  /// Centres serve every network whose labels do not say that these are another's questions.
  void add(const Instances& instances, const Labels& labels) {
    for (auto& [subject, here] : files_) {
      if (!fits(labels, networks_[subject.network].labels)) continue;
      for (std::size_t i = 0; i < instances.rows.size(); ++i) {
        if (instances.rows[i].image == subject.image && instances.rows[i].label == subject.label) {
          place(subject, here, instances, i);
        }
      }
    }
  }

  static bool fits(const Labels& instances, const Labels& network) {
    return std::ranges::all_of(instances, [&](const auto& label) {
      const auto it = network.find(label.first);
      return it == network.end() || it->second == label.second;
    });
  }

  void place(const Subject& subject, File& here, const Instances& instances, std::size_t row) const {
    require_fit(network(subject), instances);
    const auto elements = static_cast<std::size_t>(element_count(network(subject).input_shape()));
    const auto centre = instances.centres.as<float>().subspan(row * elements, elements);
    const Place at{.centre = centre, .clip_low = instances.clip_low, .clip_high = instances.clip_high};
    if (here.place && !(std::ranges::equal(here.place->centre, centre) && here.place->clip_low == at.clip_low &&
                        here.place->clip_high == at.clip_high)) {
      throw Error(Code::request,
                  fmt::format("two instances give other pixels, or another range, for {}", text(subject)),
                  "gather the instances over the axes that tell their data sets apart");
    }
    for (const auto& [radii, told] : here.radii) {
      require_clip(*radii, {at.clip_low, at.clip_high}, "'instances'");
      require_pixels(*told, centre, "'instances'");
    }
    here.place = at;
  }

  static std::vector<float> point_of(const Tensor& points, const std::vector<std::int64_t>& rows, std::size_t row) {
    const auto it = std::ranges::find(rows, static_cast<std::int64_t>(row));
    if (it == rows.end()) return {};
    const std::int64_t k = it - rows.begin();
    return points.rows(k, k + 1).to_floats();
  }

  const std::vector<Gathered>& networks_;
  std::map<Subject, File> files_;
  std::deque<Verdicts::Row> proofs_;  ///< what `proven` points to
  std::deque<abstract::Radii> radii_;
};

/// What was compared.
struct Tally {
  double questions = 0;
  double agreeing = 0;
  double open = 0;
  double points = 0;
  double compared = 0;
  std::vector<std::string> contradictions;
};

bool is_decided(Verdict verdict) {
  return verdict == Verdict::robust || verdict == Verdict::counterexample;
}

/// Answers to the same question, two by two.
void count_pairs(const std::vector<Said>& said, Tally& tally) {
  std::map<std::pair<std::optional<std::int64_t>, double>, std::vector<Verdict>> questions;
  for (const Said& one : said) questions[{one.row->target, one.row->epsilon}].push_back(one.row->verdict);
  for (const auto& [question, verdicts] : questions) {
    if (verdicts.size() > 1) ++tally.questions;
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
      for (std::size_t j = i + 1; j < verdicts.size(); ++j) {
        if (!is_decided(verdicts[i]) || !is_decided(verdicts[j])) {
          ++tally.open;
        } else if (verdicts[i] == verdicts[j]) {
          ++tally.agreeing;
        }
      }
    }
  }
}

void compare(const Casebook& book, const Subject& subject, const File& here, Tally& tally) {
  count_pairs(here.said, tally);
  const Network& network = book.network(subject);
  for (const Found& found : here.found) {
    if (!found.point.empty() && !is_violation(network, found)) continue;
    ++tally.points;
    for (const auto* all : {&here.said, &here.proven}) {
      for (const Said& said : *all) {
        if (said.row->verdict != Verdict::robust) continue;
        ++tally.compared;
        const std::string what = contradiction(network, said, found, here.place);
        if (!what.empty()) tally.contradictions.push_back(fmt::format("about {}: {}", book.text(subject), what));
      }
    }
  }
}

/// The first as the error, all of them in the log.
[[noreturn]] void fail(const std::vector<std::string>& contradictions, Context& ctx) {
  for (const std::string& one : contradictions) ctx.log(one);
  const std::size_t more = contradictions.size() - 1;
  throw Error(Code::internal,
              "a contradiction " + contradictions[0] + (more > 0 ? fmt::format("; and {} more, in the log", more) : ""),
              "one of the two is wrong: trust neither until a third verifier has been asked");
}

void run(const Params&, Context& ctx) {
  const Casebook book(ctx);
  Tally tally;
  double done = 0;
  for (const auto& [subject, here] : book.files()) {
    ctx.check_stop();
    compare(book, subject, here, tally);
    ctx.progress(++done, static_cast<double>(book.files().size()));
  }
  if (!tally.contradictions.empty()) fail(tally.contradictions, ctx);
  Metrics out;
  out.values = {{"questions", tally.questions},
                {"agreeing", tally.agreeing},
                {"open", tally.open},
                {"points", tally.points},
                {"compared", tally.compared}};
  ctx.out("metrics", std::move(out));
}

}  // namespace

void describe_crosscheck(PluginBuilder& plugin) {
  plugin.stage("crosscheck", run)
      .doc(
          "Fails when answers cannot all be true: `robust` within a radius, asked about or found, and a counterexample "
          "or what an attack found within the same or a smaller one, targeted or not. Points are replayed on the "
          "network first. An answer is about the one network all of whose labels it has: gather both over the same "
          "axes, or under the same names.")
      .revision(3)
      .inputs<Network>("networks", "the networks the answers are about, told apart by their labels")
      .labelled()
      .inputs<Verdicts>("verdicts", "answers of verifiers; rows of one image and label are compared")
      .labelled()
      .inputs<Attacks>("attacks", "what attacks found")
      .labelled()
      .optional()
      .inputs<Metrics>(
          "radii",
          "proven and attacked radii of crown.radius, distortions of milp.distortion: of the network that their labels "
          "name, or they are refused")
      .labelled()
      .optional()
      .inputs<Instances>("instances",
                         "the questions: with them a point is looked for in every box, and its distance is told")
      .labelled()
      .optional()
      .output<Metrics>(
          "metrics",
          "questions that several answered; pairs of answers to them: agreeing, open (one is not decided); "
          "points replayed or told of by their distance, and compared: pairs of a point and a `robust`");
}

}  // namespace espalier::measure
