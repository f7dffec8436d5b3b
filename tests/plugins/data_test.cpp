// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include <espalier/dataset.hpp>

#include "support/stage_bench.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using espalier::testing::StageBench;
using espalier::testing::TempDir;
namespace fs = std::filesystem;

namespace {

using Bytes = std::vector<std::uint8_t>;

void write(const fs::path& path, const Bytes& bytes) {
  fs::create_directories(path.parent_path());
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

Bytes idx(const std::vector<std::uint32_t>& shape, const Bytes& values) {
  Bytes out = {0, 0, 8, static_cast<std::uint8_t>(shape.size())};
  for (const std::uint32_t extent : shape) {
    for (const int shift : {24, 16, 8, 0}) out.push_back(static_cast<std::uint8_t>(extent >> shift));
  }
  out.insert(out.end(), values.begin(), values.end());
  return out;
}

/// Two training images and one test image of 1 x 2 pixels, with labels.
struct SmallSet {
  Bytes train_images = idx({2, 1, 2}, {1, 2, 3, 255});
  Bytes train_labels = idx({2}, {0, 2});
  Bytes test_images = idx({1, 1, 2}, {9, 8});
  Bytes test_labels = idx({1}, {1});
};

StageBench bench_for(const TempDir& dir, const SmallSet& set) {
  write(dir / "a", set.train_images);
  write(dir / "b", set.train_labels);
  write(dir / "c", set.test_images);
  write(dir / "d", set.test_labels);
  StageBench bench("data.idx");
  bench.set("train_images", (dir / "a").string()).set("train_labels", (dir / "b").string());
  bench.set("test_images", (dir / "c").string()).set("test_labels", (dir / "d").string());
  return bench;
}

/// The error of reading a set, which must come.
Error error_of(StageBench& bench) {
  try {
    bench.run();
  } catch (const Error& error) {
    return error;
  }
  FAIL("no error");
  return {Code::internal, ""};
}

Error error_of(const SmallSet& set) {
  const TempDir dir;
  StageBench bench = bench_for(dir, set);
  return error_of(bench);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// $ESPALIER_DATA for the length of a test, and a working folder without `data/`.
class DataPath {
 public:
  explicit DataPath(const std::string& value) : folder_before_(fs::current_path()) {
    if (const char* before = std::getenv("ESPALIER_DATA")) before_ = before;
    setenv("ESPALIER_DATA", value.c_str(), 1);
    fs::current_path(away_.path());
  }
  ~DataPath() {
    fs::current_path(folder_before_);
    if (before_) {
      setenv("ESPALIER_DATA", before_->c_str(), 1);
    } else {
      unsetenv("ESPALIER_DATA");
    }
  }
  DataPath(const DataPath&) = delete;
  DataPath& operator=(const DataPath&) = delete;

 private:
  TempDir away_;
  fs::path folder_before_;
  std::optional<std::string> before_;
};

/// The folder of an installed data set, if there is one.
std::optional<fs::path> installed(const std::string& name) {
  std::vector<fs::path> folders = {fs::path(ESPALIER_SOURCE_DIR) / "data", "/usr/share/datasets"};
  if (const char* listed = std::getenv("ESPALIER_DATA")) {
    std::string rest = listed;
    while (!rest.empty()) {
      const auto end = rest.find(':');
      folders.emplace_back(rest.substr(0, end));
      rest = end == std::string::npos ? "" : rest.substr(end + 1);
    }
  }
  for (const fs::path& folder : folders) {
    if (fs::exists(folder / name / "train-images-idx3-ubyte.gz") ||
        fs::exists(folder / name / "train-images-idx3-ubyte")) {
      return folder;
    }
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a set of four plain files") {
  const TempDir dir;
  const auto dataset = bench_for(dir, {}).run().result<Dataset>("dataset");
  CHECK(dataset.train.images == Tensor::of({2, 1, 1, 2}, Bytes{1, 2, 3, 255}));
  CHECK(dataset.train.labels == Tensor::of({2}, std::vector<std::int64_t>{0, 2}));
  CHECK(dataset.test.images == Tensor::of({1, 1, 1, 2}, Bytes{9, 8}));
  CHECK(dataset.test.labels == Tensor::of({1}, std::vector<std::int64_t>{1}));
  CHECK(dataset.classes == std::vector<std::string>{"0", "1", "2"});
  CHECK(dataset.image_shape() == Shape{1, 1, 2});
}

TEST_CASE("limits take the first images, class names may be given, images may have channels") {
  const TempDir dir;
  SmallSet set;
  set.train_images = idx({2, 2, 1, 1}, {1, 2, 3, 4});
  set.test_images = idx({1, 2, 1, 1}, {5, 6});
  StageBench bench = bench_for(dir, set);
  bench.set("train_limit", 1).set("test_limit", 5).set("classes", std::vector<std::string>{"x", "y", "z"});
  const auto& dataset = bench.run().result<Dataset>("dataset");
  CHECK(dataset.train.images == Tensor::of({1, 2, 1, 1}, Bytes{1, 2}));
  CHECK(dataset.train.size() == 1);
  CHECK(dataset.test.size() == 1);
  CHECK(dataset.classes == std::vector<std::string>{"x", "y", "z"});
}

TEST_CASE("files that are not what they should be") {
  SmallSet set;
  SUBCASE("empty") {
    set.train_images = {};
    CHECK(contains(error_of(set).what(), "ends after 0 bytes, expected 4"));
  }
  SUBCASE("not IDX") {
    set.train_images = {'h', 'e', 'l', 'l', 'o'};
    CHECK(contains(error_of(set).what(), "starts with 68 65 6c 6c, expected 00 00 08 01"));
  }
  SUBCASE("IDX of floats") {
    set.train_images[2] = 0x0d;
    CHECK(error_of(set).code() == Code::damaged);
  }
  SUBCASE("a rank of 200") {
    set.train_images[3] = 200;
    CHECK(error_of(set).code() == Code::damaged);
  }
  SUBCASE("a header that stops early") {
    set.train_images.resize(10);
    CHECK(contains(error_of(set).what(), "ends after 10 bytes, expected 16"));
  }
  SUBCASE("an image that stops early") {
    set.train_images.pop_back();
    CHECK(contains(error_of(set).what(), "ends after 19 bytes, expected 20"));
  }
  SUBCASE("bytes behind the last image") {
    set.train_images.push_back(0);
    CHECK(contains(error_of(set).what(), "goes on after the 20 bytes its header promises"));
  }
  SUBCASE("dimensions whose product overflows 64 bits") {
    set.train_images = idx({0xffffffff, 0xffffffff, 0xffffffff}, {1});
    CHECK(error_of(set).code() == Code::damaged);
  }
  SUBCASE("a claim of two gigabytes in a file of 17 bytes takes no such memory") {
    set.train_images = idx({0x7fff, 0x8000, 1}, {1});
    CHECK(contains(error_of(set).what(), "ends after 17 bytes, expected 1073709072"));
  }
  SUBCASE("a dimension of 0") {
    set.test_images = idx({0, 28, 28}, {});
    CHECK(contains(error_of(set).what(), "claims the dimension 0"));
  }
  SUBCASE("more labels than images") {
    set.train_labels = idx({3}, {0, 1, 2});
    CHECK(contains(error_of(set).what(), "train_images holds 2 images, train_labels 3 labels"));
  }
  SUBCASE("images and labels swapped") {
    std::swap(set.train_images, set.train_labels);
    const Error error = error_of(set);
    CHECK(contains(error.what(), "train_images has the shape [2], expected 3 or 4 dimensions"));
    CHECK(contains(error.hint(), "swapped"));
  }
  SUBCASE("test images of another size") {
    set.test_images = idx({1, 2, 2}, {1, 2, 3, 4});
    CHECK(error_of(set).code() == Code::damaged);
  }
  SUBCASE("half a gzip stream") {
    set.train_images = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x63};
    CHECK(error_of(set).code() == Code::damaged);
  }
}

TEST_CASE("a label without a class name is refused") {
  const TempDir dir;
  StageBench bench = bench_for(dir, {});
  bench.set("classes", std::vector<std::string>{"x", "y"});
  CHECK(contains(error_of(bench).what(), "label 1 of the train split is 2"));
}

TEST_CASE("requests that contradict themselves") {
  const TempDir dir;
  StageBench bench = bench_for(dir, {});
  SUBCASE("three files") {
    bench.set("test_labels", "");
    CHECK(contains(error_of(bench).what(), "'test_labels' is missing"));
  }
  SUBCASE("name and files") {
    bench.set("name", "mnist");
    CHECK(contains(error_of(bench).what(), "both the name 'mnist' and four files"));
  }
  SUBCASE("a file that is not there") {
    bench.set("test_labels", (dir / "nothing").string());
    CHECK(error_of(bench).code() == Code::missing);
  }
  SUBCASE("an unknown name") {
    StageBench named("data.idx");
    const Error error = error_of(named.set("name", "fashion_mnist"));
    CHECK(error.code() == Code::request);
    CHECK(contains(error.hint(), "fashion-mnist, kmnist, mnist"));
  }
}

TEST_CASE("a set that is nowhere: one error with the folders and three ways to get it") {
  const TempDir dir;
  const DataPath path((dir / "one").string() + "::" + (dir / "two").string());
  if (fs::exists("/usr/share/datasets/kmnist")) {
    MESSAGE("skipped: kmnist is installed here");
    return;
  }
  StageBench bench("data.idx");
  const Error error = error_of(bench.set("name", "kmnist").lie_in(dir / "p/pipelines"));
  CHECK(error.code() == Code::missing);
  CHECK(contains(error.what(), "data set 'kmnist' is not here: no 'train-images-idx3-ubyte'"));
  CHECK(contains(error.what(), "'" + (dir / "one").string() + "', '" + (dir / "two").string() + "', '" +
                                   fs::absolute("data").string() + "', '" + (dir / "p/pipelines/data").string() +
                                   "', '" + (dir / "p/data").string() + "', '"));
  CHECK(contains(error.what(), "share/espalier/data', '/usr/share/datasets'"));
  CHECK(contains(error.hint(), "it has no Debian package, so run tools/fetch-data kmnist, or copy"));
  CHECK(contains(error.hint(), "data/kmnist"));
}

TEST_CASE("data beside the pipeline is found from any folder") {
  const TempDir dir;
  if (fs::exists("/usr/share/datasets/kmnist")) {
    MESSAGE("skipped: kmnist is installed here");
    return;
  }
  StageBench bench("data.idx");
  bench.set("name", "kmnist").lie_in(dir / "project/pipelines");
  SUBCASE("in the pipeline's own folder") {
    write(dir / "project/pipelines/data/kmnist/train-images-idx3-ubyte", SmallSet{}.train_images);
  }
  SUBCASE("in the project's") {
    write(dir / "project/data/train-images-idx3-ubyte", SmallSet{}.train_images);
  }
  const Error error = error_of(bench);
  CHECK(error.code() == Code::damaged);  // found, and seen to be another file
  CHECK(contains(error.what(), dir.path().string() + "/project/"));
}

TEST_CASE("a file of the right name with other content never passes for the set") {
  const TempDir dir;
  const DataPath path(dir.path().string());
  if (fs::exists("/usr/share/datasets/mnist")) {
    MESSAGE("skipped: mnist is installed here");
    return;
  }
  StageBench bench("data.idx");
  bench.set("name", "mnist");
  SUBCASE("another size") {
    write(dir / "mnist/train-images-idx3-ubyte", SmallSet{}.train_images);
    const Error error = error_of(bench);
    CHECK(error.code() == Code::damaged);
    CHECK(contains(error.what(), "holds 20 bytes, but train_images of 'mnist' has 47040016"));
    CHECK(contains(error.hint(), "tools/fetch-data mnist"));
  }
  SUBCASE("a gzip stream that breaks off") {
    const fs::path file = dir / "mnist/train-images-idx3-ubyte.gz";
    write(file, {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0x07});
    const Error error = error_of(bench);
    CHECK(error.code() == Code::damaged);
    CHECK(contains(error.what(), "'" + file.string() + "' cannot be read: "));
    CHECK_FALSE(contains(std::string(error.what()).substr(file.string().size() + 2), file.string()));
    CHECK(error.hint() == "fetch it again: tools/fetch-data mnist");
  }
  SUBCASE("the right size") {
    write(dir / "train-images-idx3-ubyte", idx({60000, 28, 28}, Bytes(47040000)));
    const Error error = error_of(bench);
    CHECK(error.code() == Code::damaged);
    CHECK(contains(error.what(), "but train_images of 'mnist' has ba891046e6505d7aadcbbe25680a0738"));
  }
  SUBCASE("a set of which only the packed form is known") {
    bench.set("name", "kmnist");
    write(dir / "kmnist/train-images-idx3-ubyte", idx({60000, 28, 28}, Bytes(47040000)));
    const Error error = error_of(bench);
    CHECK(contains(error.what(), "packed as distributed, has 51467d22d8cc72929e2a028a0428f208"));
    CHECK(contains(error.hint(), "keep the .gz file as distributed"));
  }
}

TEST_CASE("Fashion-MNIST by its name, past a damaged copy in front") {
  const auto folder = installed("fashion-mnist");
  if (!folder) {
    MESSAGE("skipped: fashion-mnist is not here; apt-get install dataset-fashion-mnist");
    return;
  }
  const TempDir dir;
  write(dir / "fashion-mnist/t10k-labels-idx1-ubyte.gz", SmallSet{}.test_labels);
  const DataPath path(dir.path().string() + ":" + folder->string());
  StageBench bench("data.idx");
  const auto& dataset = bench.set("train_limit", 3).run().result<Dataset>("dataset");
  CHECK(dataset.name == "fashion-mnist");
  CHECK(dataset.train.images.shape() == Shape{3, 1, 28, 28});
  CHECK(dataset.test.images.shape() == Shape{10000, 1, 28, 28});
  CHECK(dataset.classes.size() == 10);
  CHECK(dataset.classes[9] == "ankle boot");
  const auto labels = dataset.train.labels.as<std::int64_t>();
  CHECK(std::vector<std::int64_t>(labels.begin(), labels.end()) == std::vector<std::int64_t>{9, 0, 0});
  CHECK(contains(bench.logged()[3], "passed over"));

  SUBCASE("and it is recognised where another set is expected") {
    const DataPath only((*folder / "fashion-mnist").string());
    StageBench other("data.idx");
    const Error error = error_of(other.set("name", "mnist"));
    CHECK(error.code() == Code::damaged);
    CHECK(contains(error.hint(), "it is train_images of 'fashion-mnist'"));
  }
}

TEST_CASE("MNIST by its name") {
  const auto folder = installed("mnist");
  if (!folder) {
    MESSAGE("skipped: mnist is not here; see data/README.md");
    return;
  }
  const DataPath path(folder->string());
  StageBench bench("data.idx");
  const auto& dataset = bench.set("name", "mnist").run().result<Dataset>("dataset");
  const auto labels = dataset.train.labels.as<std::int64_t>();
  CHECK(std::count(labels.begin(), labels.end(), 1) == 6742);
}

namespace {

Dataset synthetic(const ParamValues& params) {
  StageBench bench("data.synthetic");
  for (const auto& [name, value] : params) bench.set(name, value);
  return bench.run().result<Dataset>("dataset");
}

/// The class whose mean training image is nearest to a test image.
std::int64_t nearest_mean(const Dataset& data, std::span<const std::uint8_t> image) {
  const auto pixels = data.train.images.as<std::uint8_t>();
  const auto labels = data.train.labels.as<std::int64_t>();
  std::vector<std::vector<double>> sums(data.classes.size(), std::vector<double>(image.size()));
  std::vector<double> counts(data.classes.size());
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto label = static_cast<std::size_t>(labels[i]);
    counts[label] += 1;
    for (std::size_t k = 0; k < image.size(); ++k) sums[label][k] += pixels[i * image.size() + k];
  }
  std::vector<double> closeness;
  for (std::size_t c = 0; c < sums.size(); ++c) {
    double distance = 0;
    for (std::size_t k = 0; k < image.size(); ++k) {
      const double d = sums[c][k] / std::max(1.0, counts[c]) - image[k];
      distance += d * d;
    }
    closeness.push_back(-distance);
  }
  return std::distance(closeness.begin(), std::max_element(closeness.begin(), closeness.end()));
}

}  // namespace

TEST_CASE("synthetic images are separable, and a seed gives the same bytes") {
  const ParamValues small = {{"classes", 5}, {"train", 60}, {"test", 20}, {"height", 9}, {"width", 7}, {"seed", 4}};
  const Dataset data = synthetic(small);
  CHECK_NOTHROW(data.validate());
  CHECK(data.image_shape() == Shape{1, 9, 7});
  CHECK(data.train.size() == 60);
  const auto pixels = data.test.images.as<std::uint8_t>();
  const auto labels = data.test.labels.as<std::int64_t>();
  for (std::size_t i = 0; i < labels.size(); ++i) CHECK(nearest_mean(data, pixels.subspan(i * 63, 63)) == labels[i]);

  CHECK(synthetic(small).train.images == data.train.images);
  ParamValues other = small;
  other.insert_or_assign("seed", 5);
  CHECK_FALSE(synthetic(other).train.images == data.train.images);
  // The same on every machine.
  CHECK(digest_of({reinterpret_cast<const char*>(data.train.images.bytes().data()), 60 * 63}).brief() == "3892b969");
}
