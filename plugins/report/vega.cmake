# Joins the modules of Vega (Debian package libjs-vega, BSD-3-Clause) into one script for the page: each becomes a
# function of a module loader of three lines, as there is no network to load them from.
find_path(
  VEGA_DIR vega-view.min.js
  PATHS /usr/share/javascript/vega
  REQUIRED)
set(modules
    util
    time
    format
    loader
    canvas
    statistics
    scale
    dataflow
    scenegraph
    expression
    event-selector
    selection
    functions
    runtime
    parser
    view
    transforms
    encode
    view-transforms)
# Whoever passes the page on passes Vega on: its licence goes with it.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/vega_license.txt)
file(READ ${CMAKE_CURRENT_SOURCE_DIR}/vega_license.txt license)
set(script "/*\n${license}*/\n")
string(APPEND script "(function() {\nconst made = {}, makers = {};\nfunction require(name) {\n"
       "  if (!(name in made)) { made[name] = {}; makers[name](made[name], {}, require); }\n"
       "  return made[name];\n}\n")
foreach(module IN LISTS modules)
  file(READ ${VEGA_DIR}/vega-${module}.min.js text)
  string(APPEND script "makers[\"vega-${module}\"] = function(exports, module, require) { ${text}\n};\n")
endforeach()
string(APPEND script "makers[\"vega-selections\"] = makers[\"vega-selection\"];\n")
file(READ ${CMAKE_CURRENT_SOURCE_DIR}/vega_end.js text)
file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/vega.js "${script}${text}})();\n")
