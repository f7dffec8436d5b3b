#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VNN-COMP: run_instance.sh v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT
# Writes unsat, sat with its counterexample, unknown, timeout or error to RESULTS.
set -uo pipefail
if [ "${1:-}" != v1 ] || [ $# -lt 6 ]; then
  echo "usage: $0 v1 CATEGORY ONNX VNNLIB RESULTS TIMEOUT; the first argument is '${1:-}'" >&2
  exit 1
fi
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
espalier=${ESPALIER:-$top/build/bin/espalier}
onnx=$3 vnnlib=$4 results=$5 timeout=$6

echo error >"$results" # what stands there if this is killed
"$espalier" verify "$onnx" "$vnnlib" --timeout "$timeout" --verifier "${ESPALIER_VERIFIER:-crown}" >"$results.part"
[ -s "$results.part" ] && mv "$results.part" "$results"
rm -f "$results.part"
head -n 1 "$results"
