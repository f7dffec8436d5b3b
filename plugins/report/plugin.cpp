// SPDX-License-Identifier: Apache-2.0
#include <espalier/plugin.hpp>

#include "result_table.hpp"
#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("report").version("0.1.0").doc("Reports: HTML, Markdown, LaTeX, CSV and JSON");
  plugin.kind<espalier::report::ResultTable>();
  espalier::report::describe_page(plugin);
  espalier::report::describe_table(plugin);
}
