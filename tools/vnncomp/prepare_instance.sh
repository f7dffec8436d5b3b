#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VNN-COMP: prepare_instance.sh v1 CATEGORY ONNX VNNLIB
# Says by its exit code whether the network can be read. Nothing of the instance is worked on, nothing is left behind.
set -uo pipefail
if [ "${1:-}" != v1 ] || [ $# -lt 4 ]; then
  echo "usage: $0 v1 CATEGORY ONNX VNNLIB; the first argument is '${1:-}'" >&2
  exit 1
fi
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
espalier=${ESPALIER:-$top/build/bin/espalier}
onnx=$3 vnnlib=$4

if [ ! -r "$vnnlib" ] && [ ! -r "$vnnlib.gz" ]; then
  echo "there is no '$vnnlib'" >&2
  exit 1
fi
"$espalier" info "$onnx" >/dev/null || exit 1
