// SPDX-License-Identifier: Apache-2.0
#include "artifact/hdf5_image.hpp"

#include <atomic>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <thread>

#include <doctest/doctest.h>
#include <unistd.h>

#include <espalier/error.hpp>
#include <espalier/network.hpp>

using espalier::Code;
using espalier::DType;
using espalier::Error;
using espalier::Fields;
using espalier::Shape;
using espalier::Tensor;
using espalier::artifact::Image;
using espalier::artifact::read_image;
using espalier::artifact::write_image;

namespace {

/// Every type of field, and the awkward values of each.
Fields all_types() {
  Fields f;
  f.set("integer", std::numeric_limits<std::int64_t>::min());
  f.set("real", -0.0);
  f.set("nan", std::numeric_limits<double>::quiet_NaN());
  f.set("text/plain", std::string("abc"));
  f.set("text/empty", std::string());
  f.set("text/utf8", std::string("Gr\xc3\xb6\xc3\x9f"
                                 "e \xe2\x89\xa4 \xf0\x9f\x8c\xb2"));
  f.set("text/not_utf8", std::string("\xff\xfe"));
  f.set("text/zero_inside", std::string("a\0b", 3));
  f.set("text/spaces", std::string(" a  "));
  f.set("text/long", std::string(100'000, 'x'));
  f.set("texts/some", std::vector<std::string>{"one", "", "three \xc3\xa4", std::string("a\0b", 3)});
  f.set("texts/all_empty", std::vector<std::string>{"", ""});
  f.set("texts/none", std::vector<std::string>{});
  f.set("u8", Tensor::of<std::uint8_t>({3}, {0, 7, 255}));
  f.set("i32", Tensor::of<std::int32_t>({2}, {-1, std::numeric_limits<std::int32_t>::max()}));
  f.set("i64", Tensor::of<std::int64_t>({1, 1, 2}, {-1, std::numeric_limits<std::int64_t>::max()}));
  f.set("f32", Tensor::of<float>({2, 2}, {-0.0F, std::numeric_limits<float>::denorm_min(), -1.5F,
                                          std::numeric_limits<float>::quiet_NaN()}));
  f.set("f64", Tensor::of<double>({1}, {-std::numeric_limits<double>::infinity()}));
  f.set("empty/absent", Tensor());
  f.set("empty/rows", Tensor::zeros(DType::u8, {0, 28, 28}));
  f.set("deep/er/and/deeper/still/0", Tensor::zeros(DType::f64, {1}));
  return f;
}

/// What a small network looks like, for tests that repeat.
Fields few() {
  Fields f;
  f.set("name", std::string("fc"));
  f.set("count", std::int64_t{2});
  f.set("layers/0/weight", Tensor::of<float>({2, 2}, {1, 2, 3, 4}));
  return f;
}

std::string image_of(const Fields& fields, const std::string& kind = "Network") {
  return write_image({.kind = kind, .format = 1, .digest = fields.digest(kind, 1), .writer = "espalier test"}, fields);
}

bool same(const Fields& a, const Fields& b) {
  return a.digest("K", 1) == b.digest("K", 1);
}

std::string message_of(std::string_view bytes) {
  try {
    read_image(bytes, "objects/ab/abcd.h5");
  } catch (const Error& e) {
    CHECK(e.code() == Code::damaged);
    CHECK_FALSE(e.hint().empty());
    return e.what();
  }
  return "";
}

/// A file that goes when the test does.
struct TemporaryFile {
  std::filesystem::path path =
      std::filesystem::temp_directory_path() / ("espalier-hdf5-image-test-" + std::to_string(getpid()) + ".h5");
  explicit TemporaryFile(std::string_view bytes) { std::ofstream(path, std::ios::binary) << bytes; }
  ~TemporaryFile() { std::filesystem::remove(path); }
};

/// What a command prints, or nothing when it fails.
std::string output_of(const std::string& command) {
  std::FILE* pipe = popen((command + " 2>/dev/null").c_str(), "r");
  if (pipe == nullptr) return "";
  std::string out;
  char part[4096];
  while (const std::size_t n = std::fread(part, 1, sizeof part, pipe)) out.append(part, n);
  return pclose(pipe) == 0 ? out : "";
}

}  // namespace

TEST_CASE("an image gives back every field and the header") {
  const Fields fields = all_types();
  const Image image = read_image(image_of(fields), "x");
  CHECK(image.header.kind == "Network");
  CHECK(image.header.format == 1);
  CHECK(image.header.writer == "espalier test");
  CHECK(image.header.digest == fields.digest("Network", 1));
  REQUIRE(image.fields.all().size() == fields.all().size());
  for (const auto& [name, field] : fields.all()) {
    Fields was;
    was.set(name, field);
    Fields is;
    is.set(name, image.fields.all().at(name));
    CHECK_MESSAGE(same(was, is), name);
  }
  CHECK(read_image(image_of(Fields()), "x").fields.all().empty());
}

TEST_CASE("a group may hold many fields") {
  Fields fields;
  for (int i = 0; i < 700; ++i) fields.set("series/" + std::to_string(i), Tensor::of<double>({1}, {1.0 * i}));
  CHECK(same(read_image(image_of(fields), "x").fields, fields));
}

TEST_CASE("the same fields give the same bytes") {
  const Fields fields = all_types();
  const std::string first = image_of(fields);
  const std::vector<std::string> in_between(100, std::string(5000, '\x55'));  // leaves other bytes in freed memory
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));               // HDF5 counts times in seconds
  CHECK(image_of(fields) == first);
  CHECK(in_between.size() == 100);
}

TEST_CASE("a digest that the fields do not have is named with theirs") {
  const Fields fields = few();
  const espalier::Digest wrong = espalier::digest_of("something else");
  const std::string text =
      message_of(write_image({.kind = "Network", .format = 1, .digest = wrong, .writer = "w"}, fields));
  CHECK(text.find("objects/ab/abcd.h5") != std::string::npos);
  CHECK(text.find(wrong.hex()) != std::string::npos);
  CHECK(text.find(fields.digest("Network", 1).hex()) != std::string::npos);
}

TEST_CASE("bytes that are no image are refused") {
  const std::string image = image_of(few());
  CHECK(message_of("") == "'objects/ab/abcd.h5' (0 bytes) is not an artifact of espalier");
  CHECK(message_of("hello").find("not an artifact") != std::string::npos);
  CHECK(message_of(std::string(100'000, '\0')).find("not an artifact") != std::string::npos);
  CHECK(message_of(std::string_view(image).substr(512)).find("not an artifact") != std::string::npos);
  CHECK(message_of(image + "x").find("is damaged: its bytes have digest") != std::string::npos);
}

TEST_CASE("an image that was cut or in which bits were turned is refused or reads the same") {
  const Fields fields = few();
  const std::string good = image_of(fields);
  std::mt19937 random(5);
  const auto check = [&](const std::string& bad) {
    try {
      const Image read = read_image(bad, "x");
      CHECK(same(read.fields, fields));
    } catch (const Error& e) {
      CHECK(e.code() == Code::damaged);
    }
  };
  for (std::size_t size = 0; size < good.size(); size += 1 + random() % 40) check(good.substr(0, size));
  for (int i = 0; i < 600; ++i) {
    std::string bad = good;
    const auto flips = 1 + random() % 3;
    for (unsigned k = 0; k < flips; ++k) bad[random() % bad.size()] ^= static_cast<char>(1U << random() % 8);
    check(bad);
  }
  for (std::size_t i = 512; i < good.size(); i += 1 + random() % 13) {  // behind the seal nothing may pass
    std::string bad = good;
    bad[i] ^= 1;
    CHECK_THROWS_AS(read_image(bad, "x"), Error);
  }
}

TEST_CASE("threads may write and read at once") {
  const Fields fields = few();
  const std::string good = image_of(fields);
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 30; ++i) {
        if (image_of(fields) == good && same(read_image(good, "x").fields, fields)) ++right;
      }
    });
  }
  for (std::thread& t : threads) t.join();
  CHECK(right == 120);
}

TEST_CASE("other programs read an image as an HDF5 file") {
  const TemporaryFile file(image_of(all_types()));
  const std::string path = file.path.string();
  if (output_of("h5dump --version").empty()) {
    MESSAGE("skipped: h5dump (package hdf5-tools) is not installed");
  } else {
    CHECK(output_of("h5dump -a /kind " + path).find("\"Network\"") != std::string::npos);
    CHECK(output_of("h5dump -d /text/plain " + path).find("\"abc\"") != std::string::npos);
    CHECK(output_of("h5dump -d /u8 " + path).find("0, 7, 255") != std::string::npos);
  }
  const std::string script =
      "import h5py, sys; f = h5py.File(sys.argv[1]); d = lambda n: f[n].asstr()[()]; "
      "print(d('text/utf8'), list(d('texts/some'))[::2], f['integer'][()], f['i32'][:].tolist(), "
      "f['empty/rows'].shape, f.attrs['format'], f['f32'].dtype)";
  if (output_of("/usr/bin/python3 -c 'import h5py; print(1)'").empty()) {
    MESSAGE("skipped: h5py (package python3-h5py) is not installed");
  } else {
    CHECK(output_of("PYTHONIOENCODING=utf8 /usr/bin/python3 -c \"" + script + "\" " + path) ==
          "Gr\xc3\xb6\xc3\x9f"
          "e \xe2\x89\xa4 \xf0\x9f\x8c\xb2 ['one', 'three \xc3\xa4'] -9223372036854775808 "
          "[-1, 2147483647] (0, 28, 28) 1 float32\n");
  }
}

TEST_CASE("a network goes through a file") {
  using namespace espalier;
  const Network n({2}, {{"fc", Linear{Tensor::of<float>({1, 2}, {1, 2}), Tensor::of<float>({1}, {3}), {}}, {0}},
                        {"relu", Relu{}, {1}}});
  const Network again = Network::from_fields(read_image(image_of(n.to_fields()), "x").fields);
  CHECK(again.forward(std::vector<double>{1, 1}) == std::vector<double>{6});
}
