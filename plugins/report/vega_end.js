// Vega as one library would put these together; the page needs no maps, hierarchies or word clouds.
const util = require("vega-util"), parser = require("vega-parser"), view = require("vega-view");
util.extend(require("vega-dataflow").transforms, require("vega-transforms"), require("vega-encode"),
            require("vega-view-transforms"));
window.espalier_draw = function(specification, element) {
  new view.View(parser.parse(specification), {renderer: "svg"}).initialize(element).runAsync();
};
