// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <espalier/error.hpp>

namespace espalier::pipeline {

struct Item;

/// A TOML value with the places of its parts. Tables keep the order of the file.
struct Node {
  struct Table {
    std::vector<Item> items;
    bool header = false;  ///< written as `[a.b]`, not as `{ ... }` or with dots in a key
  };
  std::variant<bool, std::int64_t, double, std::string, std::vector<Node>, Table> data;
  Span span;
};
struct Item {
  std::string key;
  Span key_span;
  Node value;
};

}  // namespace espalier::pipeline
