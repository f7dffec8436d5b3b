// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <espalier/artifact.hpp>
#include <espalier/error.hpp>
#include <espalier/value.hpp>

namespace espalier::inline v1 {

/// An input or output of a stage.
struct PortSpec {
  std::string name;
  std::string kind;
  std::string doc;
  bool gathers = false;   ///< takes a list: several references, or one expanded over its axes
  bool labelled = false;  ///< a gathering port whose labels (axis values) the stage uses; they enter the key
  bool optional = false;  ///< may be left out of a pipeline

  friend bool operator==(const PortSpec&, const PortSpec&) = default;
};

/// A parameter, bound to a member of the stage's Params struct.
struct ParamSpec {
  std::string name;
  std::string doc;
  ValueType type = ValueType::boolean;
  Value fallback;             ///< the member's initialiser
  std::optional<double> min;  ///< inclusive, for numbers and elements of lists
  std::optional<double> max;
  std::vector<std::string> choices;  ///< for text and elements of texts
  bool required = false;             ///< has no default; `fallback` is meaningless
  bool file = false;                 ///< a path, relative to the pipeline; the file's bytes enter the key, not the path
  bool execution = false;            ///< does not affect results: never in the key
  std::optional<Value> neutral;      ///< value at which the stage acts as before the parameter existed: not in the key
  std::optional<std::int64_t> member;  ///< offset of the bound member in Params: no two parameters may share one

  friend bool operator==(const ParamSpec&, const ParamSpec&) = default;
};

/// How far results repeat.
enum class Repeatable : std::uint8_t {
  exactly,       ///< the same bytes anywhere
  same_machine,  ///< the same bytes on the same machine with the same libraries and threads: these enter the key
  budgeted,      ///< depends on what fits in a time limit; the limit is a parameter, the host is recorded beside it
};
ESPALIER_API std::string_view to_text(Repeatable repeatable);

/// One artifact of a gathering port.
struct Gathered {
  ArtifactPtr artifact;
  std::map<std::string, std::string> labels;  ///< axis -> value; empty unless the port is labelled

  /// Throws Error(internal) when it is of another kind than the port that the stage declared.
  template <ArtifactType T>
  const T& as() const {
    if (artifact->kind() == T::kKind) return static_cast<const T&>(*artifact);
    throw Error(Code::internal,
                "an artifact is a '" + std::string(artifact->kind()) + "', not a '" + std::string(T::kKind) + "'");
  }
};

/// What a stage sees while it runs. Valid during the call only. [node body]
class ESPALIER_API Context {
 public:
  virtual ~Context();

  template <ArtifactType T>
  const T& in(std::string_view port) {
    return static_cast<const T&>(input(port, T::kKind));
  }
  /// Null when an optional port was left out.
  template <ArtifactType T>
  const T* in_optional(std::string_view port) {
    return static_cast<const T*>(optional_input(port, T::kKind));
  }
  /// The artifacts of a gathering port in axis order.
  virtual const std::vector<Gathered>& all(std::string_view port) = 0;

  template <ArtifactType T>
  void out(std::string_view port, T artifact) {
    set_output(port, std::make_shared<const T>(std::move(artifact)));
  }

  virtual int threads() const = 0;              ///< how many this node may use
  virtual std::string_view device() const = 0;  ///< "cpu" or "cuda:0"
  virtual bool stop_requested() const = 0;
  /// Throws Error(stopped) when the run is being stopped. Call it at least once a second.
  void check_stop() const;
  virtual void log(std::string_view line) = 0;  ///< kept with the run, shown with `--progress plain`
  virtual void progress(double done, double total) = 0;
  /// An empty folder of this node's own, removed afterwards.
  virtual const std::filesystem::path& scratch() = 0;
  /// The pipeline's folder, absolute. For finding what the key already names by content, not for reading anything else.
  virtual const std::filesystem::path& folder() const = 0;

 private:
  virtual const Artifact& input(std::string_view port, std::string_view kind) = 0;
  virtual const Artifact* optional_input(std::string_view port, std::string_view kind) = 0;
  virtual void set_output(std::string_view port, ArtifactPtr artifact) = 0;
};

/// Everything a stage says about itself. Plain data but for `run`.
struct StageSpec {
  std::string plugin;
  std::string name;
  std::string doc;
  std::int64_t revision = 1;  ///< bump when results change
  std::vector<PortSpec> inputs;
  std::vector<PortSpec> outputs;
  std::vector<ParamSpec> params;
  std::string lane = "cpu";
  Repeatable repeatable = Repeatable::exactly;
  bool uses_device = false;      ///< results depend on the device: it enters the key of a same_machine stage
  bool single_threaded = false;  ///< never uses a second thread: their number does not enter the key
  std::function<void(const ParamValues&, Context&)> run;

  std::string qualified() const { return plugin + "." + name; }
};

}  // namespace espalier::inline v1
