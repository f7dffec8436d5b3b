// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <variant>
#include <vector>

#include <espalier/artifact.hpp>

namespace espalier::inline v1 {

/// A table cell: nothing, a number with the digits to show, or text.
struct Number {
  double value = 0;
  int digits = 0;  ///< digits after the point
};
using Cell = std::variant<std::monostate, Number, std::string>;

struct Table {
  std::string name;  ///< file stem: "accuracy"
  std::string caption;
  std::vector<std::string> columns;
  std::vector<std::vector<Cell>> rows;  ///< each as long as columns
};
ESPALIER_API std::string cell_text(const Cell& cell);
ESPALIER_API std::string to_markdown(const Table& table);
ESPALIER_API std::string to_csv(const Table& table);

/// Text that means itself in HTML and SVG, in attributes too.
ESPALIER_API std::string escaped_html(std::string_view text);

/// Rendered files: a pure function of the stage's inputs. The engine writes them into the run's folder; in an .html
/// file it puts what only the run knows (the graph as SVG, the provenance table) in place of the two marks below.
class ESPALIER_API Report : public Artifact {
 public:
  static constexpr std::string_view kKind = "Report";
  static constexpr std::int64_t kFormat = 1;
  static constexpr std::string_view kDoc = "rendered files: Markdown, CSV, JSON, HTML";
  static constexpr std::string_view kGraphMark = "<!-- espalier:graph -->";
  static constexpr std::string_view kProvenanceMark = "<!-- espalier:provenance -->";

  struct File {
    std::string name;  ///< "report.html"; `[a-z0-9_.-]+`
    std::string bytes;
  };
  std::string title;
  std::vector<File> files;

  std::string_view kind() const override { return kKind; }
  Fields to_fields() const;
  static Report from_fields(const Fields& fields);
};

}  // namespace espalier::inline v1
