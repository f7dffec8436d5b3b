# SPDX-License-Identifier: Apache-2.0
# Sourced by the tests of the program: a folder to work in, and `check`. Needs: $program.
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0

# fail NAME TEXT: notes a failure, with what the command said.
fail() {
  echo "FAILED $1: $2" >&2
  sed 's/^/    /' "$work/said" >&2
  failures=$((failures + 1))
}

# expect NAME EXPECTED_CODE EXPECTED_TEXT... : what a command gave last (its status in $got, its words in the file `said`).
expect() {
  local name=$1 code=$2 text
  shift 2
  [ "$got" -eq "$code" ] || fail "$name" "exit $got, wanted $code"
  for text in "$@"; do
    [ -z "$text" ] || grep -qF -- "$text" "$work/said" || fail "$name" "wanted text: $text"
  done
}

# check NAME EXPECTED_CODE EXPECTED_TEXT command...: code and text (in stdout or stderr) must fit.
check() {
  local name=$1 code=$2 text=$3
  shift 3
  got=0
  "$@" >"$work/said" 2>&1 || got=$?
  expect "$name" "$code" "$text"
}

# finish WHAT: the last line, and the status of the test.
finish() {
  [ "$failures" -eq 0 ] && echo "$1: every case as it should be"
  exit "$((failures > 0))"
}
