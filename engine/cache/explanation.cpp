// SPDX-License-Identifier: Apache-2.0
#include "cache/explanation.hpp"

#include <algorithm>
#include <iterator>

#include <fmt/format.h>

namespace espalier::cache {
namespace {

using Named = std::map<std::string, std::string>;
using Inputs = std::vector<Ingredients::Input>;

/// The first 8 hex digits, for people.
std::string brief(const std::string& hex) {
  return hex.empty() ? "none" : hex.substr(0, 8);
}

class Comparison {
 public:
  Comparison(const Ingredients& then, const Ingredients& now) : then_(then), now_(now) {}

  std::vector<Reason> reasons() {
    if (then_.stage != now_.stage) add("stage changed: {} -> {}", then_.stage, now_.stage);
    if (then_.revision != now_.revision) add("revision changed: {} -> {}", then_.revision, now_.revision);
    compare_binary();
    compare_params();
    compare_files();
    compare_inputs();
    compare_machine();
    std::ranges::move(notes_, std::back_inserter(reasons_));
    return std::move(reasons_);
  }

 private:
  template <class... Args>
  void add(fmt::format_string<Args...> text, Args&&... args) {
    reasons_.push_back({.text = fmt::format(text, std::forward<Args>(args)...), .parameter = {}});
  }
  template <class... Args>
  void add_param(const std::string& name, fmt::format_string<Args...> text, Args&&... args) {
    reasons_.push_back({.text = fmt::format(text, std::forward<Args>(args)...), .parameter = name});
  }
  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    notes_.push_back({.text = fmt::format(text, std::forward<Args>(args)...), .parameter = {}, .changed = false});
  }

  void compare_binary();
  void compare_params();
  void compare_files();
  void compare_inputs();
  void compare_machine();
  void compare_single(const std::string& port, const Ingredients::Input& old, const Ingredients::Input& input);
  void compare_list(const std::string& port, const Inputs& old, const Inputs& list);

  const Ingredients& then_;
  const Ingredients& now_;
  std::vector<Reason> reasons_;
  std::vector<Reason> notes_;  ///< what did not change; said last
};

/// Calls `both`, `gone` or `fresh` for every name in either map, in order of name.
template <class Map, class Both, class Gone, class Fresh>
void walk(const Map& then, const Map& now, Both both, Gone gone, Fresh fresh) {
  auto old = then.begin();
  auto entry = now.begin();
  while (old != then.end() || entry != now.end()) {
    if (entry == now.end() || (old != then.end() && old->first < entry->first)) {
      gone(old->first, old->second);
      ++old;
    } else if (old == then.end() || entry->first < old->first) {
      fresh(entry->first, entry->second);
      ++entry;
    } else {
      both(entry->first, old->second, entry->second);
      ++old;
      ++entry;
    }
  }
}

/// "real 0.5" without its type.
std::string value_of(const std::string& typed) {
  for (const ValueType type : {ValueType::boolean, ValueType::integer, ValueType::real, ValueType::text,
                               ValueType::integers, ValueType::reals, ValueType::texts}) {
    const std::string prefix = std::string(to_text(type)) + " ";
    if (typed.starts_with(prefix)) return typed.substr(prefix.size());
  }
  return typed;
}

void Comparison::compare_binary() {
  if (then_.binary == now_.binary) return;
  if (then_.binary.empty()) {
    add("the plugin's binary counts now: {}", brief(now_.binary));
  } else if (now_.binary.empty()) {
    add("the plugin's binary no longer counts: it was {}", brief(then_.binary));
  } else {
    add("the plugin's binary changed: {} -> {}", brief(then_.binary), brief(now_.binary));
  }
}

void Comparison::compare_params() {
  walk(
      then_.params, now_.params,
      [&](const std::string& name, const std::string& old, const std::string& value) {
        if (old == value) return;
        const bool same_look = value_of(old) == value_of(value);  // then only the type tells them apart
        add_param(name, "parameter '{}' changed: {} -> {}", name, same_look ? old : value_of(old),
                  same_look ? value : value_of(value));
      },
      [&](const std::string& name, const std::string& old) {
        add_param(name, "parameter '{}' no longer counts: it was {}", name, value_of(old));
      },
      [&](const std::string& name, const std::string& value) {
        add_param(name, "parameter '{}' is new: {}", name, value_of(value));
      });
}

void Comparison::compare_files() {
  walk(
      then_.files, now_.files,
      [&](const std::string& name, const std::string& old, const std::string& content) {
        if (old == content) {
          note("file '{}' unchanged: {}", name, brief(content));
        } else {
          add_param(name, "file '{}' has other bytes: {} -> {}", name, brief(old), brief(content));
        }
      },
      [&](const std::string& name, const std::string& old) {
        add_param(name, "file '{}' no longer counts: it was {}", name, brief(old));
      },
      [&](const std::string& name, const std::string& content) {
        add_param(name, "file '{}' is new: {}", name, brief(content));
      });
}

std::string artifacts(std::size_t count) {
  return count == 1 ? "1 artifact" : fmt::format("{} artifacts", count);
}

std::string whole(const Inputs& list) {
  return list.size() == 1 ? brief(list[0].content) : artifacts(list.size());
}

void Comparison::compare_inputs() {
  walk(
      then_.inputs, now_.inputs,
      [&](const std::string& port, const Inputs& old, const Inputs& list) {
        if (old.size() == 1 && list.size() == 1) {
          compare_single(port, old[0], list[0]);
        } else {
          compare_list(port, old, list);
        }
      },
      [&](const std::string& port, const Inputs& old) {
        add("input '{}' no longer counts: it was {}", port, whole(old));
      },
      [&](const std::string& port, const Inputs& list) { add("input '{}' is new: {}", port, whole(list)); });
}

void Comparison::compare_single(const std::string& port, const Ingredients::Input& old,
                                const Ingredients::Input& input) {
  if (old == input) {
    note("input '{}' unchanged: {}", port, brief(input.content));
    return;
  }
  if (old.label != input.label) add("input '{}' has another label: '{}' -> '{}'", port, old.label, input.label);
  if (old.content != input.content) {
    add("input '{}' has other content: {} -> {}", port, brief(old.content), brief(input.content));
  }
}

/// What became of the members of a gathering port.
struct ListChange {
  std::vector<std::string> added;
  std::vector<std::string> removed;
  std::vector<std::string> changed;
};

std::string shown(const std::string& label, const std::string& content) {
  return label.empty() ? brief(content) : label;
}

/// Members with labels are compared by label. Members without are told apart by content alone.
ListChange change_between(const Inputs& then, const Inputs& now) {
  std::multimap<std::string, std::string> old;  // label -> content
  for (const auto& input : then) old.emplace(input.label, input.content);
  ListChange out;
  std::vector<const Ingredients::Input*> unmatched;
  for (const auto& input : now) {
    const auto [begin, end] = old.equal_range(input.label);
    const auto same = std::find_if(begin, end, [&](const auto& entry) { return entry.second == input.content; });
    if (same != end) {
      old.erase(same);
    } else {
      unmatched.push_back(&input);
    }
  }
  for (const auto* input : unmatched) {
    const auto twin = input->label.empty() ? old.end() : old.find(input->label);
    if (twin == old.end()) {
      out.added.push_back(shown(input->label, input->content));
    } else {
      out.changed.push_back(fmt::format("{} {} -> {}", input->label, brief(twin->second), brief(input->content)));
      old.erase(twin);
    }
  }
  for (const auto& [label, content] : old) out.removed.push_back(shown(label, content));
  return out;
}

/// ", 2 added (set=set5, set=set6)"; long lists are cut.
std::string counted(const char* what, const std::vector<std::string>& members) {
  constexpr std::size_t kShown = 3;
  if (members.empty()) return {};
  const auto first = members.begin();
  const auto last = first + static_cast<std::ptrdiff_t>(std::min(members.size(), kShown));
  return fmt::format(", {} {} ({}{})", members.size(), what, fmt::join(first, last, ", "),
                     members.size() > kShown ? ", ..." : "");
}

void Comparison::compare_list(const std::string& port, const Inputs& old, const Inputs& list) {
  if (old == list) {
    note("input '{}' unchanged: {}", port, artifacts(list.size()));
    return;
  }
  const ListChange change = change_between(old, list);
  const std::string what =
      counted("added", change.added) + counted("removed", change.removed) + counted("changed", change.changed);
  if (what.empty()) {
    add("input '{}' has its {} in another order", port, artifacts(list.size()));
  } else if (old.size() == list.size()) {
    add("input '{}' has {} as before{}", port, artifacts(list.size()), what);
  } else {
    add("input '{}' has {} -> {}{}", port, old.size(), artifacts(list.size()), what);
  }
}

void Comparison::compare_machine() {
  walk(
      then_.machine, now_.machine,
      [&](const std::string& name, const std::string& old, const std::string& value) {
        if (old != value) add("machine '{}' changed: {} -> {}", name, old, value);
      },
      [&](const std::string& name, const std::string& old) {
        add("machine '{}' no longer counts: it was {}", name, old);
      },
      [&](const std::string& name, const std::string& value) { add("machine '{}' counts now: {}", name, value); });
}

}  // namespace

std::vector<Reason> differences(const Ingredients& then, const Ingredients& now) {
  if (then == now) return {};
  return Comparison(then, now).reasons();
}

}  // namespace espalier::cache
