// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <espalier/stage.hpp>

#include "tables.hpp"

namespace espalier::report {

/// One artifact that values can be taken from.
struct Source {
  const Gathered* gathered = nullptr;
  std::string port;   ///< "metrics", "attacks", "verdicts", "history" or "distances"
  std::string maker;  ///< the solver of verdicts, the method of attacks
};

std::vector<Source> sources_of(const Findings& findings);
/// Throws Error(request), naming the labels that there are, when no source has this one: a typing mistake would
/// otherwise give something empty.
void require_label(const std::vector<Source>& sources, const std::string& axis, const std::string& place);

/// A value, and "*" when some of the answers that it counts are errors.
struct Reading {
  double value = 0;
  std::string mark;
};

/// The names of all values a source has, and one of them.
std::vector<std::string> names_in(const Source& source);
std::optional<Reading> read(const Source& source, const std::string& name);

/// What a column shows, as a pipeline writes it: "accuracy", "robustness of fgsm", "solved of crown.verify@set=SET1",
/// "attacks.robustness", "mean(accuracy)".
struct Quantity {
  std::string written;
  std::string function;  ///< "" or one of kFunctions
  std::string port;      ///< "" for any
  std::string name;
  std::string of;  ///< a name that the pipeline gave, a solver or a method; "" for any
  Labels where;
};

/// Throws Error(request) when the text is no quantity.
Quantity quantity_of(const std::string& text);
/// "axis=value" taken apart.
std::pair<std::string, std::string> label_of(const std::string& text, const std::string& place);

/// Whether a source may be meant: what a source does not say of itself does not exclude it.
bool is_meant(const Source& source, const Quantity& quantity);
/// Whether no label has another value; one that is absent stands for every value.
bool agree(const Labels& labels, const Labels& wanted);
/// Equal as text or as numbers: "0.10" and "0.1".
bool same_label(const std::string& a, const std::string& b);

/// All readings of one cell as one. Throws Error(request), naming `place`, when they differ and no function is given.
Reading combined(const std::vector<Reading>& readings, const Quantity& quantity, const std::string& place);

inline constexpr std::size_t kNamesShown = 20;
/// "'a', 'b' and 3 more"
std::string listed_names(const std::vector<std::string>& names, std::size_t most);

}  // namespace espalier::report
