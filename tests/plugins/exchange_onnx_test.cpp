// SPDX-License-Identifier: Apache-2.0
// ONNX in and out: what files say is what networks compute, whatever cannot be is refused by name, and damage is said.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>

#include <doctest/doctest.h>
#include <zlib.h>

#include <espalier/error.hpp>

#include "exchange/file.hpp"
#include "exchange/onnx.hpp"
#include "support/onnx_evaluator.hpp"
#include "support/onnx_file.hpp"
#include "support/small_networks.hpp"
#include "support/stage_bench.hpp"
#include "support/temp_dir.hpp"

using namespace espalier;
using namespace espalier::testing;
using exchange::onnx_bytes;
using exchange::parse_onnx;
using exchange::read_onnx;

namespace {

namespace fs = std::filesystem;
using Doubles = std::vector<double>;
using Floats = std::vector<float>;
using Integers = std::vector<std::int64_t>;

Network network_of(const OnnxFile& file) {
  return parse_onnx(file.bytes(), "net.onnx");
}

/// What the file computes, by the network and by the definitions of its operators, which must agree.
Doubles computed(const OnnxFile& file, const Doubles& input) {
  const Doubles got = network_of(file).forward(input);
  const Doubles wanted = OnnxEvaluator(file.bytes()).output(input);
  CHECK(got.size() == wanted.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(got[i] == doctest::Approx(wanted[i]).epsilon(1e-12));
  return got;
}

Error refusal(const std::string& bytes) {
  try {
    parse_onnx(bytes, "net.onnx");
  } catch (const Error& e) {
    return e;
  }
  throw std::runtime_error("the file was read");
}
Error refusal(const OnnxFile& file) {
  return refusal(file.bytes());
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// The kinds of layers, "linear relu ...".
std::string kinds(const Network& network) {
  std::string out;
  for (const Layer& layer : network.layers()) out += (out.empty() ? "" : " ") + std::string(op_name(layer.op));
  return out;
}

Digest digest(const Network& network) {
  return network.to_fields().digest(Network::kKind, Network::kFormat);
}

/// Every operation, with the epsilon of its batch norms as ONNX can have it.
Network every_operation(std::uint32_t seed) {
  std::mt19937 random(seed);
  const Network network = random_residual(random);
  std::vector<Layer> layers = network.layers();
  for (Layer& layer : layers) {
    if (auto* norm = std::get_if<BatchNorm>(&layer.op)) norm->epsilon = double{1e-5F};
  }
  return {network.input_shape(), std::move(layers)};
}

/// A file with one node on an input of that shape.
OnnxFile one_node(const Integers& shape, const std::string& op, const OnnxFile::Names& more = {},
                  const OnnxFile::Names& attributes = {}, std::int64_t opset = 13) {
  OnnxFile file(opset);
  OnnxFile::Names inputs{"x"};
  inputs.insert(inputs.end(), more.begin(), more.end());
  file.input("x", shape).output("y").node(op, inputs, "y", attributes);
  return file;
}

Doubles counting(std::size_t count) {
  Doubles out;
  for (std::size_t i = 1; i <= count; ++i) out.push_back(static_cast<double>(i));
  return out;
}

}  // namespace

TEST_CASE("onnx: products with a constant on either side, sums, and scales, by hand") {
  OnnxFile row;  // (x W + b) with a batch that is open
  row.input("x", {-1, 2}).output("y").raw<float>("W", {2, 3}, {1, 2, 3, 4, 5, 6}).raw<float>("b", {3}, {10, 20, -99});
  row.node("MatMul", {"x", "W"}, "p").node("Add", {"b", "p"}, "s").node("Relu", {"s"}, "y");
  CHECK(computed(row, {1, -1}) == Doubles{7, 17, 0});
  CHECK(kinds(network_of(row)) == "linear relu");
  CHECK(network_of(row).layers()[0].name == "the MatMul");

  OnnxFile column;
  column.input("x", {2}).output("y").raw<float>("W", {3, 2}, {1, 2, 3, 4, 5, 6}).node("MatMul", {"W", "x"}, "y");
  CHECK(computed(column, {1, -1}) == Doubles{-1, -1, -1});

  OnnxFile gemm;
  gemm.input("x", {1, 2}).output("y").raw<float>("W", {2, 2}, {1, 2, 3, 4}).raw<float>("c", {1}, {8});
  gemm.node("Gemm", {"x", "W", "c"}, "y", {OnnxFile::real("alpha", 2), OnnxFile::real("beta", 0.5F)});
  CHECK(computed(gemm, {1, 1}) == Doubles{12, 16});

  OnnxFile scales;  // 7 - (3 x / 4 + 1)
  scales.input("x", {1, 2}).output("y").raw<float>("three", {}, {3}).raw<float>("four", {1, 1}, {4});
  scales.raw<float>("one", {2}, {1, 1}).raw<float>("seven", {1}, {7});
  scales.node("Mul", {"x", "three"}, "a").node("Div", {"a", "four"}, "b").node("Add", {"b", "one"}, "c");
  scales.node("Sub", {"seven", "c"}, "y");
  CHECK(computed(scales, {4, -8}) == Doubles{3, 12});
  CHECK(kinds(network_of(scales)) == "affine affine");  // the first three are one
}

TEST_CASE("onnx: differences and sums of values, and what is used twice stays what it is") {
  OnnxFile file;
  file.input("x", {1, 2}).output("y").raw<float>("W", {2, 2}, {0, 1, 1, 0}).raw<float>("b", {2}, {5, 6});
  file.node("MatMul", {"x", "W"}, "p").node("Identity", {"p"}, "q").node("Add", {"q", "b"}, "r");
  file.node("Sub", {"r", "p"}, "s").node("Add", {"s", "x"}, "y");  // p is used twice: it gets no bias
  CHECK(computed(file, {1, 2}) == Doubles{6, 8});
}

TEST_CASE("onnx: convolution takes padding where it can, and pools count it") {
  const Floats ones(4, 1);
  OnnxFile conv;
  conv.input("x", {1, 1, 2, 2}).output("y").raw<float>("W", {1, 1, 2, 2}, ones);
  conv.raw<std::int64_t>("p", {8}, {0, 0, 1, 0, 0, 0, 1, 0}).node("Pad", {"x", "p"}, "z");
  conv.node("Conv", {"z", "W"}, "c", {OnnxFile::numbers("pads", {0, 1, 0, 1})});
  conv.raw<float>("b", {1, 1, 1}, {100}).node("Add", {"c", "b"}, "y");
  CHECK(computed(conv, {1, 2, 3, 4}) == Doubles{101, 103, 102, 104, 110, 106, 103, 107, 104});
  CHECK(kinds(network_of(conv)) == "conv2d");

  OnnxFile lopsided = one_node({1, 1, 2, 2}, "Conv", {"W"}, {OnnxFile::numbers("pads", {1, 0, 0, 1})});
  lopsided.raw<float>("W", {1, 1, 2, 2}, ones);
  CHECK(computed(lopsided, {1, 2, 3, 4}) == Doubles{3, 2, 10, 6});
  CHECK(kinds(network_of(lopsided)) == "pad conv2d");

  const OnnxFile::Names window{OnnxFile::numbers("kernel_shape", {2, 2}), OnnxFile::numbers("strides", {2, 2})};
  OnnxFile::Names padded = window;
  padded.push_back(OnnxFile::numbers("pads", {1, 1, 1, 1}));
  CHECK(computed(one_node({1, 1, 2, 2}, "AveragePool", {}, window), {1, 2, 3, 6}) == Doubles{3});
  CHECK(contains(refusal(one_node({1, 1, 2, 2}, "AveragePool", {}, padded)).what(), "count_include_pad"));
  padded.push_back(OnnxFile::number("count_include_pad", 1));
  CHECK(computed(one_node({1, 1, 2, 2}, "AveragePool", {}, padded), {4, 8, 12, 16}) == Doubles{1, 2, 3, 4});
}

TEST_CASE("onnx: automatic padding gives ceil(size / stride) windows, the odd zero on the side it says") {
  for (const bool upper : {true, false}) {
    OnnxFile file = one_node(
        {1, 1, 1, 4}, "Conv", {"W"},
        {OnnxFile::text("auto_pad", upper ? "SAME_UPPER" : "SAME_LOWER"), OnnxFile::numbers("strides", {1, 2})});
    file.raw<float>("W", {1, 1, 1, 3}, {1, 10, 100});
    CHECK(network_of(file).forward(Doubles{1, 2, 3, 4}) == (upper ? Doubles{321, 43} : Doubles{210, 432}));
  }
}

TEST_CASE("onnx: elements move as their axes do") {
  CHECK(computed(one_node({1, 2, 3}, "Transpose", {}, {OnnxFile::numbers("perm", {0, 2, 1})}), counting(6)) ==
        Doubles{1, 4, 2, 5, 3, 6});
  CHECK(computed(one_node({2, 3}, "Transpose"), counting(6)) == Doubles{1, 4, 2, 5, 3, 6});
  const OnnxFile still = one_node({-1, 1, 2, 3}, "Transpose", {}, {OnnxFile::numbers("perm", {0, 2, 3, 1})});
  CHECK(computed(still, counting(6)) == counting(6));
  CHECK(kinds(network_of(still)) == "reshape");
  CHECK(network_of(still).output_shape() == Shape{2, 3, 1});

  OnnxFile reshape = one_node({1, 2, 3}, "Reshape", {"s"});
  reshape.raw<std::int64_t>("s", {3}, {0, -1, 2});
  CHECK(computed(reshape, counting(6)) == counting(6));
  CHECK(network_of(reshape).output_shape() == Shape{3, 2});
  CHECK(network_of(one_node({1, 2, 3}, "Flatten", {}, {OnnxFile::number("axis", -2)})).output_shape() == Shape{6});
  CHECK(kinds(network_of(one_node({1, 2}, "Dropout", {}, {OnnxFile::real("ratio", 0.1F)}))) == "reshape");
}

TEST_CASE("onnx: constants come in every form and are worked out exactly or not at all") {
  const Floats values{1, -2.5F};
  const std::string typed = OnnxFile::head("w", {2}, exchange::element::kFloat);
  const auto with = [&](const std::string& message) {
    OnnxFile file = one_node({1, 2}, "Add", {"w"});
    file.initializer(message);
    return computed(file, {0, 0});
  };
  using Writer = OnnxFile::Writer;
  CHECK(with(typed + Writer().bytes(4, OnnxFile::packed(values)).message()) == Doubles{1, -2.5});
  CHECK(with(typed + Writer().real(4, 1).real(4, -2.5F).message()) == Doubles{1, -2.5});
  CHECK(with(OnnxFile::raw_tensor<double>("w", {2}, {1, -2.5})) == Doubles{1, -2.5});
  CHECK(with(OnnxFile::head("w", {2}, exchange::element::kDouble) +
             Writer().bytes(10, OnnxFile::packed(Doubles{1, -2.5})).message()) == Doubles{1, -2.5});

  OnnxFile listed = one_node({1, 2}, "Add", {"w"});  // weights among the inputs, as old files have them
  listed.input("w", {2}).raw<float>("w", {2}, values);
  CHECK(computed(listed, {1, 1}) == Doubles{2, -1.5});

  OnnxFile folded;  // ((c + d) / 4 transposed and reshaped) x
  folded.input("x", {1, 2}).output("y").raw<float>("d", {1}, {1});
  folded.node("Constant", {}, "c", {OnnxFile::tensor("value", OnnxFile::raw_tensor<float>("", {2, 2}, {3, 7, 1, 0}))});
  folded.raw<float>("four", {}, {4}).raw<std::int64_t>("s", {2}, {-1, 2});
  folded.node("Add", {"c", "d"}, "e").node("Div", {"e", "four"}, "f").node("Transpose", {"f"}, "g");
  folded.node("Reshape", {"g", "s"}, "h").node("MatMul", {"x", "h"}, "y");
  CHECK(computed(folded, {1, 10}) == Doubles{21, 3});

  OnnxFile rounding;
  rounding.input("x", {1, 1}).output("y").raw<float>("a", {1}, {1}).raw<float>("b", {1}, {3});
  rounding.node("Div", {"a", "b"}, "c").node("Add", {"x", "c"}, "y");
  CHECK(contains(refusal(rounding).what(), "node 'the Div' (Div): its constants give no float: 1 and 3"));

  OnnxFile doubles = one_node({1, 1}, "Add", {"w"});
  doubles.raw<double>("w", {1}, {0.1});
  CHECK(refusal(doubles).code() == Code::unsupported);
  CHECK(contains(refusal(doubles).what(), "'net.onnx': node 'the Add' (Add): tensor 'w' holds the double 0.1"));
}

TEST_CASE("onnx: what the output does not need is not looked at") {
  OnnxFile file = one_node({1, 2}, "Relu");
  file.node("Softmax", {"x"}, "other").node("Loop", {"nowhere"}, "more");
  CHECK(kinds(network_of(file)) == "relu");
}

TEST_CASE("onnx: what is not read is refused by its name and its node's") {
  CHECK(
      contains(refusal(one_node({1, 2}, "Softmax")).what(), "'net.onnx': node 'the Softmax' (Softmax): this operator"));
  CHECK(contains(refusal(one_node({1, 2}, "Softmax")).hint(), "AveragePool, "));
  CHECK(contains(refusal(one_node({1, 2}, "Relu", {}, {OnnxFile::number("axis", 1)})).what(),
                 "its attribute 'axis' is not understood"));
  CHECK(contains(refusal(one_node({1, 2}, "Mul", {"x"})).what(), "two values that depend on the input"));
  CHECK(contains(refusal(one_node({1, 2}, "Relu", {}, {}, 6)).what(), "version 6; 7 to 23"));
  CHECK(contains(refusal(one_node({1, -1}, "Relu")).what(), "input 'x': axis 1 has no fixed extent"));
  OnnxFile two = one_node({1, 2}, "Add", {"z"});
  two.input("z", {1, 2});
  CHECK(contains(refusal(two).what(), "the inputs 'x' and 'z'"));
  OnnxFile outputs = one_node({1, 2}, "Relu");
  outputs.output("x");
  CHECK(contains(refusal(outputs).what(), "2 outputs"));
  OnnxFile nan = one_node({1, 1}, "Add", {"w"});
  nan.raw<float>("w", {1}, {std::numeric_limits<float>::quiet_NaN()});
  CHECK(refusal(nan).code() == Code::numeric);
  OnnxFile zero = one_node({1, 1}, "Div", {"w"});
  zero.raw<float>("w", {1}, {0});
  CHECK(contains(refusal(zero).what(), "it divides by 0"));
  OnnxFile odd = one_node({1, 2}, "Sig\x1b[31m\a\n\xff");
  CHECK(contains(refusal(odd).what(), "'the Sig\\x1b[31m\\x07\\x0a\\xff' (Sig\\x1b[31m\\x07\\x0a\\xff): this"));
  OnnxFile batch = one_node({5, 2}, "MatMul", {"w"});
  batch.raw<float>("w", {2, 2}, {1, 2, 3, 4});
  CHECK(contains(refusal(batch).what(), "a product of shapes [5, 2] and [2, 2]"));
  CHECK(contains(refusal(batch).hint(), "input 'x' has shape [5, 2]: if its first axis is the batch, export"));
  OnnxFile half = one_node({1, 1}, "Add", {"w"});
  half.initializer(OnnxFile::head("w", {1}, 10) + OnnxFile::Writer().bytes(9, "ab").message());
  CHECK(contains(refusal(half).what(), "tensor 'w' is of type float16"));
  OnnxFile outside = one_node({1, 1}, "Add", {"w"});
  outside.initializer(OnnxFile::head("w", {1}, 1) + OnnxFile::Writer().bytes(13, "").message());
  CHECK(contains(refusal(outside).what(), "tensor 'w' lies in another file"));
}

TEST_CASE("onnx: files that contradict themselves are damaged") {
  OnnxFile small = one_node({1, 2}, "Add", {"w"});
  small.raw<float>("w", {1 << 30, 1 << 30}, {1});
  CHECK(refusal(small).code() == Code::damaged);
  CHECK(contains(refusal(small).what(), "tensor 'w' of shape [1073741824, 1073741824] has 1 elements"));
  OnnxFile loop = one_node({1, 2}, "Add", {"y"});
  CHECK(contains(refusal(loop).what(), "it takes 'y', which nothing before it makes"));
  OnnxFile twice = one_node({1, 2}, "Relu");
  twice.node("Relu", {"x"}, "y");
  CHECK(contains(refusal(twice).what(), "makes 'y', which is made before"));
  OnnxFile narrow = one_node({1, 3}, "Gemm", {"W"});
  narrow.raw<float>("W", {2, 2}, {1, 2, 3, 4});
  CHECK(contains(refusal(narrow).what(), "a weight of shape [2, 2] does not fit a value of shape [1, 3]"));
  OnnxFile kernel = one_node({1, 1, 2, 2}, "Conv", {"W"});
  kernel.raw<float>("W", {1, 1, 3, 1}, {1, 2, 3});
  CHECK(contains(refusal(kernel).what(), "a kernel of [3, 1] does not fit images of shape [1, 2, 2]"));
  CHECK(contains(refusal(one_node({1, 4}, "Reshape", {"s"}).raw<std::int64_t>("s", {2}, {3, -1})).what(),
                 "cannot become [3, 1]"));
  CHECK(refusal(std::string("no such thing")).code() == Code::damaged);
  CHECK(refusal(std::string()).code() == Code::damaged);
}

TEST_CASE("onnx: a few bytes cannot ask for much memory") {
  OnnxFile wide = one_node({1, 1 << 30}, "Mul", {"w"});
  wide.raw<float>("w", {}, {2});
  CHECK(contains(refusal(wide).what(), "have more than"));
  OnnxFile crossed = one_node({1, 1}, "Add", {"c"});
  crossed.raw<float>("a", {1 << 15, 1}, Floats(1 << 15)).raw<float>("b", {1, 1 << 15}, Floats(1 << 15));
  OnnxFile product;
  product.input("x", {1, 1}).output("y").raw<float>("a", {1 << 15, 1}, Floats(1 << 15));
  product.raw<float>("b", {1, 1 << 15}, Floats(1 << 15)).node("Add", {"a", "b"}, "c").node("Add", {"x", "c"}, "y");
  CHECK(contains(refusal(product).what(), "have more than"));
  CHECK(refusal(one_node({std::int64_t{1} << 40, std::int64_t{1} << 40}, "Relu")).code() == Code::damaged);
}

TEST_CASE("onnx: a chain of many nodes is read without going deep") {
  OnnxFile file;
  file.input("v0", {1, 1}).output("v20000");
  for (int i = 0; i < 20000; ++i) file.node("Relu", {"v" + std::to_string(i)}, "v" + std::to_string(i + 1));
  CHECK(network_of(file).layers().size() == 20000);
}

TEST_CASE("onnx: a network that was written is read as itself, layer by layer") {
  for (std::uint32_t seed = 0; seed < 5; ++seed) {
    const Network network = every_operation(seed);
    const std::string bytes = onnx_bytes(network);
    const Network again = parse_onnx(bytes, "again.onnx");
    CHECK(again.layers().size() + 1 == network.layers().size());  // one ReLU of it is used by nothing
    CHECK(digest(parse_onnx(onnx_bytes(again), "twice.onnx")) == digest(again));
    std::mt19937 random(seed);
    const Doubles input = random_input(network, random);
    const Doubles wanted = network.forward(input);
    CHECK(again.forward(input) == wanted);
    const Doubles by_definition = OnnxEvaluator(bytes).output(input);
    REQUIRE(wanted.size() == by_definition.size());
    for (std::size_t i = 0; i < wanted.size(); ++i)
      CHECK(by_definition[i] == doctest::Approx(wanted[i]).epsilon(1e-11));
  }
  std::mt19937 random(1);
  const Network dense = random_dense({5, 7, 3}, 0.5, random);
  CHECK(digest(parse_onnx(onnx_bytes(dense), "again.onnx")) == digest(dense));
}

TEST_CASE("onnx: a batch norm that ONNX cannot hold exactly is not written") {
  std::mt19937 random(2);
  CHECK_THROWS_WITH_AS(onnx_bytes(random_residual(random)),
                       "layer 'batch_norm3' (batch_norm): its epsilon 1e-05 is not a float, as ONNX has it", Error);
}

TEST_CASE("onnx: a file is found plain or packed, and its damage is named") {
  const TempDir dir;
  std::mt19937 random(3);
  const Network network = random_dense({4, 5, 2}, 1, random);
  const std::string bytes = onnx_bytes(network);
  std::ofstream(dir / "plain.onnx", std::ios::binary) << bytes;
  gzFile packed = gzopen((dir / "packed.onnx.gz").c_str(), "wb");
  REQUIRE(gzwrite(packed, bytes.data(), static_cast<unsigned>(bytes.size())) == static_cast<int>(bytes.size()));
  REQUIRE(gzclose(packed) == Z_OK);
  for (const char* name : {"plain.onnx", "packed.onnx.gz", "packed.onnx"}) {
    CHECK(digest(read_onnx(dir / name)) == digest(network));
  }
  CHECK(
      digest(StageBench("exchange.onnx").set("file", (dir / "plain.onnx").string()).run().result<Network>("network")) ==
      digest(network));
  const auto complaint = [&](const char* name, std::size_t most) {
    try {
      exchange::read_file(dir / name, most);
      return std::string();
    } catch (const Error& e) {
      return std::string(e.what());
    }
  };
  fs::create_directory(dir / "folder");
  CHECK(contains(complaint("folder", exchange::kMostMessage), "folder': it is a folder"));
  CHECK(complaint("plain.onnx", bytes.size() + 1).empty());
  CHECK(complaint("packed.onnx", bytes.size() + 1).empty());
  CHECK(contains(complaint("plain.onnx", bytes.size()), "plain.onnx' is larger than 0 MiB"));
  CHECK(contains(complaint("packed.onnx", bytes.size()), "packed.onnx.gz' is larger than 0 MiB when unpacked"));
  fs::resize_file(dir / "packed.onnx.gz", fs::file_size(dir / "packed.onnx.gz") / 2);
  CHECK_THROWS_AS(read_onnx(dir / "packed.onnx"), Error);
  fs::resize_file(dir / "plain.onnx", bytes.size() / 2);
  CHECK_THROWS_AS(read_onnx(dir / "plain.onnx"), Error);
  try {
    read_onnx(dir / "nowhere.onnx");
    FAIL("it was read");
  } catch (const Error& e) {
    CHECK(e.code() == Code::missing);
    CHECK(contains(e.what(), "nowhere.onnx"));
  }
}

TEST_CASE("onnx: whatever happens to a file, it is a network or an error that says what is wrong") {
  std::mt19937 random(4);
  const std::string whole = onnx_bytes(every_operation(9));
  const auto survives = [](const std::string& bytes) {
    try {
      parse_onnx(bytes, "net.onnx");
    } catch (const Error& e) {
      return e.code() == Code::damaged || e.code() == Code::unsupported || e.code() == Code::numeric;
    }
    return true;
  };
  for (std::size_t length = 0; length < whole.size(); length += 7) REQUIRE(survives(whole.substr(0, length)));
  for (int round = 0; round < 6000; ++round) {
    std::string bytes = whole;
    for (std::size_t change = 0; change <= random() % 4; ++change) {
      const std::size_t place = random() % bytes.size();
      const std::size_t length = std::min<std::size_t>(random() % 16, bytes.size() - place);
      if (random() % 4 == 0) {
        bytes.erase(place, length);
      } else if (random() % 4 == 0) {
        bytes.insert(place, bytes.substr(random() % bytes.size(), length));
      } else {
        bytes[place] = static_cast<char>(random());
      }
      if (bytes.empty()) bytes = whole;
    }
    CAPTURE(round);
    REQUIRE(survives(bytes));
  }
}

TEST_CASE("onnx: every network of the competitions' cases is read and computes what its file says") {
  const char* cases = std::getenv("ESPALIER_CASES");
  if (cases == nullptr || !fs::exists(cases)) {
    MESSAGE("skipped: ESPALIER_CASES names no folder of VNN-COMP cases");
    return;
  }
  int networks = 0;
  for (const auto& entry : fs::recursive_directory_iterator(cases)) {
    const std::string name = entry.path().string();
    if (!entry.is_regular_file() || !(name.ends_with(".onnx") || name.ends_with(".onnx.gz"))) continue;
    CAPTURE(name);
    const std::string bytes = exchange::read_file(entry.path(), exchange::kMostMessage);
    const Network network = parse_onnx(bytes, name);
    std::mt19937 random(5);
    const Doubles input = random_input(network, random);
    const Doubles got = network.forward(input);
    const Doubles wanted = OnnxEvaluator(bytes).output(input);
    REQUIRE(got.size() == wanted.size());
    double largest = 0;
    for (const double v : wanted) largest = std::max(largest, std::abs(v));
    for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - wanted[i]) <= 1e-9 * largest);
    ++networks;
  }
  MESSAGE(networks, " networks agree with their files");
  CHECK(networks > 0);
}
