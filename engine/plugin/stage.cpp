// SPDX-License-Identifier: Apache-2.0
// The few out-of-line parts of espalier/stage.hpp: one copy, in the engine, for all plugins.
#include <espalier/stage.hpp>

namespace espalier::inline v1 {

std::string_view to_text(Repeatable repeatable) {
  switch (repeatable) {
    case Repeatable::exactly:
      return "exactly";
    case Repeatable::same_machine:
      return "same_machine";
    case Repeatable::budgeted:
      return "budgeted";
  }
  throw Error(Code::internal, "unknown value of Repeatable");
}

Context::~Context() = default;

void Context::check_stop() const {
  if (stop_requested()) throw Error(Code::stopped, "the run was interrupted");
}

}  // namespace espalier::inline v1
