// SPDX-License-Identifier: Apache-2.0
#include <espalier/plugin.hpp>

#include "stages.hpp"

ESPALIER_PLUGIN(plugin) {
  plugin.name("report").version("0.1.0").doc("Reports: HTML, Markdown, CSV and JSON");
  espalier::report::describe_page(plugin);
}
