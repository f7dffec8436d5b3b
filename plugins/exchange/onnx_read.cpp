// SPDX-License-Identifier: Apache-2.0
// From a file's graph to a network: which nodes count, in which order, and what their names stand for.
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

#include "call.hpp"
#include "constants.hpp"
#include "file.hpp"
#include "onnx.hpp"
#include "proto.hpp"

namespace espalier::exchange {
namespace {

constexpr std::int64_t kOldestOpset = 7;   // before it, element-wise operators had their own rule for shapes
constexpr std::int64_t kNewestOpset = 23;  // up to it the operators read mean what they meant before

std::string described(const NodeProto& node) {
  const std::string name = !node.name.empty() || node.outputs.empty() ? node.name : node.outputs[0];
  return fmt::format("node '{}' ({})", name, node.op);
}

/// Runs `work` and puts the place in front of what it throws.
template <class Work>
auto at_place(const std::string& place, Work&& work) {
  try {
    return work();
  } catch (const Error& e) {
    throw Error(e.code(), fmt::format("{}: {}", place, e.what()), e.hint());
  }
}

/// Runs `work` and gives what it throws a hint, where it has none.
template <class Work>
void with_hint(const std::string& hint, Work&& work) {
  try {
    work();
  } catch (const Error& e) {
    throw Error(e.code(), e.what(), e.hint().empty() ? hint : e.hint());
  }
}

/// A batch shows only in operators that cannot take it.
std::string batch_hint(const std::string& input, const Shape& shape) {
  if (shape.size() < 2 || shape[0] == 1) return "";
  return fmt::format("input '{}' has shape {}: if its first axis is the batch, export the model with a batch of 1",
                     input, to_text(shape));
}

class GraphReader {
 public:
  GraphReader(const GraphProto& graph, std::int64_t opset) : graph_(graph), opset_(opset) {
    require_plain();
    find_makers();
    mark_needed(output_name());
  }

  Network network() {
    const ValueProto& input = only_input();
    const Shape shape = at_place(fmt::format("input '{}'", input.name), [&] { return shape_of(input); });
    Builder net(sample_shape(shape));
    values_.emplace(input.name, Flow(0, shape));
    note_initializers();
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      if (needed_[i]) with_hint(batch_hint(input.name, shape), [&] { work(graph_.nodes[i], net); });
    }
    const auto result = values_.find(output_name());
    if (result == values_.end() || std::holds_alternative<Tensor>(result->second)) {
      throw Error(Code::unsupported, fmt::format("output '{}' does not depend on the input", output_name()));
    }
    return net.finish(std::get<Flow>(result->second));
  }

 private:
  void require_plain() const {
    if (graph_.has_sparse) {
      throw Error(Code::unsupported, "sparse initializers are not read", "save the weights as dense tensors");
    }
    if (graph_.outputs.size() != 1) {
      throw Error(Code::unsupported, fmt::format("the graph has {} outputs, expected 1", graph_.outputs.size()),
                  "export the part of the model with one output");
    }
  }

  const std::string& output_name() const { return graph_.outputs[0].name; }

  void find_makers() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      for (const std::string& name : graph_.nodes[i].outputs) {
        if (!name.empty() && !maker_.emplace(name, i).second) {
          throw Error(Code::damaged,
                      fmt::format("{} makes '{}', which is made before", described(graph_.nodes[i]), name));
        }
      }
    }
  }

  /// Marks the nodes that the output needs, and counts who takes which value.
  void mark_needed(const std::string& output) {
    needed_.assign(graph_.nodes.size(), false);
    std::vector<std::string> open{output};
    while (!open.empty()) {
      const std::string name = std::move(open.back());
      open.pop_back();
      ++uses_[name];
      const auto maker = maker_.find(name);
      if (maker == maker_.end() || needed_[maker->second]) continue;
      needed_[maker->second] = true;
      for (const std::string& input : graph_.nodes[maker->second].inputs) open.push_back(input);
    }
  }

  const ValueProto& only_input() const {
    std::unordered_map<std::string_view, bool> fixed;  // weights may be listed among the inputs, too
    for (const TensorProto& t : graph_.initializers) fixed[t.name] = true;
    const ValueProto* found = nullptr;
    for (const ValueProto& input : graph_.inputs) {
      if (fixed.contains(input.name)) continue;
      if (found != nullptr) {
        throw Error(Code::unsupported,
                    fmt::format("the graph has the inputs '{}' and '{}', expected one", found->name, input.name),
                    "export the part of the model with one input");
      }
      found = &input;
    }
    if (found == nullptr) throw Error(Code::unsupported, "the graph has no input");
    return *found;
  }

  /// With a batch of 1.
  static Shape shape_of(const ValueProto& input) {
    if (input.data_type != element::kFloat && input.data_type != element::kDouble) {
      throw Error(Code::unsupported, fmt::format("its type is {}, expected float", element_name(input.data_type)));
    }
    if (!input.shape || input.shape->empty()) throw Error(Code::unsupported, "it has no shape");
    Shape out;
    for (const auto& axis : *input.shape) {
      const bool is_batch = out.empty() && input.shape->size() > 1;
      if (!axis && !is_batch) {
        throw Error(Code::unsupported, fmt::format("axis {} has no fixed extent", out.size()),
                    "export the model with a fixed size; only the first axis, the batch, may be left open");
      }
      out.push_back(axis.value_or(1));
    }
    require_sensible(out);
    return out;
  }

  void note_initializers() {
    for (const TensorProto& t : graph_.initializers) {
      if (!initializers_.emplace(t.name, &t).second || values_.contains(t.name)) {
        throw Error(Code::damaged, fmt::format("there are two values '{}'", t.name));
      }
    }
  }

  /// The value of that name; an initializer becomes one when it is first asked for.
  Value* value_of(const std::string& name) {
    if (const auto value = values_.find(name); value != values_.end()) return &value->second;
    const auto initializer = initializers_.find(name);
    if (initializer == initializers_.end()) return nullptr;
    return &values_.emplace(name, constant_from(*initializer->second)).first->second;
  }

  std::vector<const Value*> inputs_of(const NodeProto& node) {
    std::vector<const Value*> out;
    for (const std::string& name : node.inputs) {
      if (name.empty()) {
        out.push_back(nullptr);
        continue;
      }
      Value* value = value_of(name);
      if (value == nullptr) {
        throw Error(Code::damaged, fmt::format("it takes '{}', which nothing before it makes", name));
      }
      auto* flow = std::get_if<Flow>(value);
      if (flow != nullptr && uses_[name] > 1) flow->shared = true;
      out.push_back(value);
    }
    return out;
  }

  void work(const NodeProto& node, Builder& net) {
    at_place(described(node), [&] {
      if (node.outputs.empty()) throw Error(Code::damaged, "it has no output");
      require_known_operator(node);
      Call call(node, inputs_of(node), opset_, net);
      Value result = evaluate(call, node.op);
      for (const std::string& name : node.inputs) forget(name);
      if (initializers_.contains(node.outputs[0]) || !values_.emplace(node.outputs[0], std::move(result)).second) {
        throw Error(Code::damaged, fmt::format("it makes '{}', which is there before", node.outputs[0]));
      }
    });
  }

  /// Gives the memory of a constant back when its last user is done: layers hold what they need of it.
  void forget(const std::string& name) {
    const auto value = values_.find(name);
    if (value == values_.end() || !std::holds_alternative<Tensor>(value->second)) return;
    if (++done_[name] == uses_[name]) values_.erase(value);
  }

  const GraphProto& graph_;
  std::int64_t opset_;
  std::unordered_map<std::string, std::size_t> maker_;  ///< of every name a node makes
  std::vector<bool> needed_;
  std::unordered_map<std::string, int> uses_;  ///< by needed nodes, and by the output
  std::unordered_map<std::string, int> done_;  ///< how many of them are
  std::unordered_map<std::string, const TensorProto*> initializers_;
  std::unordered_map<std::string, Value> values_;
};

Network network_of(std::string_view bytes) {
  const ModelProto model = parse_model(bytes);
  if (!model.graph) throw Error(Code::damaged, "there is no graph in it", "check that this is an ONNX file");
  if (!model.opset || *model.opset < kOldestOpset || *model.opset > kNewestOpset) {
    throw Error(Code::unsupported,
                fmt::format("its operators are of version {}; {} to {} are read", model.opset.value_or(0), kOldestOpset,
                            kNewestOpset),
                "export it again with an opset between");
  }
  return GraphReader(*model.graph, *model.opset).network();
}

}  // namespace

Network parse_onnx(std::string_view bytes, const std::string& name) {
  try {
    return network_of(bytes);
  } catch (const Error& e) {
    // What a network refuses to be is, here, a mistake in the file.
    throw Error(e.code() == Code::request ? Code::damaged : e.code(), fmt::format("'{}': {}", name, e.what()),
                e.hint());
  }
}

Network read_onnx(const std::filesystem::path& file) {
  return parse_onnx(read_file(file, kMostMessage), file.string());
}

}  // namespace espalier::exchange
