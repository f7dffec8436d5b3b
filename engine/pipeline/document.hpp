// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <espalier/error.hpp>
#include <espalier/value.hpp>

#include "pipeline/node.hpp"

namespace espalier::pipeline {

/// `[plugin.stage.node]` and what is written under it.
struct Section {
  std::string plugin;
  std::string stage;
  std::string node;
  Span header;
  std::vector<Item> items;
};

/// `name = [values]` under `[axes]`.
struct Axis {
  std::string name;
  std::vector<Value> values;
  Span span;
};

/// A pipeline file as sections and entries with places; knows no stage.
class ESPALIER_API Document {
 public:
  /// Parses `text`. Findings are appended; what could be understood is returned all the same, so that more can be
  /// found.
  static Document parse(const std::string& file, std::string_view text, Diagnostics& findings);

  const std::string& file() const { return file_; }
  const std::string& text() const { return text_; }
  const std::string& name() const { return name_; }    ///< [pipeline] name, else the file's stem
  const std::string& title() const { return title_; }  ///< [pipeline] title; may be empty
  const std::vector<Axis>& axes() const { return axes_; }
  const std::vector<Section>& sections() const { return sections_; }
  /// False when a part of the text could not be parsed and was left out: what seems to be missing may stand there.
  bool whole() const { return whole_; }

  /// `--set NODE.PARAM=VALUE` (VALUE in TOML syntax; a bare word counts as text): replaces or adds the entry in every
  /// section whose node name is NODE. More dots lead into a table: `--set pruned.rate.SET2=0.5` changes one entry of
  /// `rate = { by = "set", ... }`. Findings name the command line as their place ("--set").
  void set(std::string_view assignment, Diagnostics& findings);

 private:
  std::string file_;
  std::string text_;
  std::string name_;
  std::string title_;
  std::vector<Axis> axes_;
  std::vector<Section> sections_;
  bool whole_ = true;
};

}  // namespace espalier::pipeline
