// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <espalier/dataset.hpp>

#include "catalogue.hpp"
#include "idx_file.hpp"
#include "search.hpp"
#include "stages.hpp"

namespace espalier::data {
namespace {

constexpr const char* kDefaultSet = "fashion-mnist";

struct Params {
  std::string name = kDefaultSet;
  std::string train_images;
  std::string train_labels;
  std::string test_images;
  std::string test_labels;
  std::vector<std::string> classes;
  std::int64_t train_limit = 0;
  std::int64_t test_limit = 0;
};

/// IDX images are [n, height, width]; four dimensions are [n, channels, height, width].
Tensor as_images(const Tensor& values, const std::string& role) {
  const Shape& s = values.shape();
  if (values.rank() == 3) return values.reshaped({s[0], 1, s[1], s[2]});
  if (values.rank() == 4) return values;
  throw Error(Code::damaged, fmt::format("{} has the shape {}, expected 3 or 4 dimensions", role, to_text(s)),
              "check that the files for images and labels are not swapped");
}

Tensor as_labels(const Tensor& values, const std::string& role) {
  if (values.rank() != 1) {
    throw Error(Code::damaged, fmt::format("{} has the shape {}, expected 1 dimension", role, to_text(values.shape())),
                "check that the files for images and labels are not swapped");
  }
  const auto bytes = values.as<std::uint8_t>();
  return Tensor::of(values.shape(), std::vector<std::int64_t>(bytes.begin(), bytes.end()));
}

Split split_of(const IdxFile& images, const IdxFile& labels, const std::string& which, std::int64_t limit) {
  Split split{.images = as_images(images.values, which + "_images"),
              .labels = as_labels(labels.values, which + "_labels")};
  if (split.images.dim(0) != split.labels.dim(0)) {
    throw Error(Code::damaged,
                fmt::format("{0}_images holds {1} images, {0}_labels {2} labels", which, split.images.dim(0),
                            split.labels.dim(0)),
                "check that both files are of one data set");
  }
  if (limit == 0 || limit >= split.size()) return split;
  return {.images = split.images.rows(0, limit), .labels = split.labels.rows(0, limit)};
}

Dataset assemble(const std::array<IdxFile, 4>& files, std::string name, std::vector<std::string> classes,
                 const Params& p) {
  Dataset out;
  out.name = std::move(name);
  out.classes = std::move(classes);
  out.train = split_of(files[0], files[1], "train", p.train_limit);
  out.test = split_of(files[2], files[3], "test", p.test_limit);
  return out;
}

std::vector<std::string> numbered_classes(const std::array<IdxFile, 4>& files) {
  int largest = 0;
  for (const IdxFile* labels : {&files[1], &files[3]}) {
    for (const std::uint8_t label : labels->values.as<std::uint8_t>()) largest = std::max<int>(largest, label);
  }
  std::vector<std::string> out;
  for (int i = 0; i <= largest; ++i) out.push_back(std::to_string(i));
  return out;
}

/// The set the user's four files make. Their bytes are in the node's key, so there is no digest to compare them with.
Dataset from_paths(const Params& p) {
  const std::array<std::string, 4> paths = {p.train_images, p.train_labels, p.test_images, p.test_labels};
  for (std::size_t i = 0; i < paths.size(); ++i) {
    if (paths[i].empty()) {
      throw Error(Code::request, fmt::format("'{}' is missing: a data set by path needs all four files", kRoles[i]),
                  "give train_images, train_labels, test_images and test_labels, or only a name");
    }
  }
  if (p.name != kDefaultSet) {
    throw Error(Code::request, fmt::format("both the name '{}' and four files are given", p.name),
                "give a name of the catalogue or four files");
  }
  std::array<IdxFile, 4> files;
  for (std::size_t i = 0; i < paths.size(); ++i) files[i] = read_idx(paths[i]);
  return assemble(files, "idx files", p.classes.empty() ? numbered_classes(files) : p.classes, p);
}

std::vector<std::string> known_names() {
  std::vector<std::string> names;
  for (const KnownSet& set : catalogue()) names.push_back(set.name);
  return names;
}

Dataset from_catalogue(const Params& p, Context& ctx) {
  const std::vector<KnownSet> sets = catalogue();
  const auto set = std::ranges::find(sets, p.name, &KnownSet::name);
  if (set == sets.end()) {
    throw Error(Code::request, fmt::format("there is no data set '{}' in the catalogue", p.name),
                fmt::format("known are: {}; other sets are given by their four files", fmt::join(known_names(), ", ")));
  }
  if (!p.classes.empty()) {
    throw Error(Code::request, fmt::format("'classes' is given, but the catalogue names the classes of '{}'", p.name),
                "leave 'classes' out");
  }
  std::array<IdxFile, 4> files;
  for (std::size_t i = 0; i < files.size(); ++i) {
    ctx.check_stop();
    files[i] = find_file(*set, set->files[i], ctx);
  }
  return assemble(files, set->name, set->classes, p);
}

void run(const Params& p, Context& ctx) {
  const bool by_path = !(p.train_images + p.train_labels + p.test_images + p.test_labels).empty();
  Dataset dataset = by_path ? from_paths(p) : from_catalogue(p, ctx);
  dataset.validate();
  ctx.out("dataset", std::move(dataset));
}

}  // namespace

void describe_idx(PluginBuilder& plugin) {
  plugin.stage("idx", run)
      .doc(
          "Reads a data set of IDX files, plain or gzipped, by name or by path. Named sets are searched in the folders "
          "of $ESPALIER_DATA, in data/ here and beside the pipeline, and in /usr/share/datasets; sizes and SHA-256 are "
          "checked.")
      .output<Dataset>("dataset", "images and labels, as bytes")
      .param("name", &Params::name, "set of data/catalogue.toml")
      .choices(known_names())
      .param("train_images", &Params::train_images, "IDX file, in place of a name; all four or none")
      .file()
      .param("train_labels", &Params::train_labels, "IDX file with as many labels")
      .file()
      .param("test_images", &Params::test_images, "IDX file")
      .file()
      .param("test_labels", &Params::test_labels, "IDX file")
      .file()
      .param("classes", &Params::classes, "names of the classes of a set given by path; numbers when left out")
      .param("train_limit", &Params::train_limit, "only the first so many training images; 0 for all")
      .at_least(0)
      .param("test_limit", &Params::test_limit, "only the first so many test images; 0 for all")
      .at_least(0);
}

}  // namespace espalier::data
