#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# VNN-COMP: install_tool.sh v1
# Installs what is missing and builds Espalier in its own folder.
set -euo pipefail
if [ "${1:-}" != v1 ]; then
  echo "usage: $0 v1; the first argument is '${1:-}'" >&2
  exit 1
fi
top=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../.." && pwd)
"$top/tools/setup" --yes
"$top/tools/build" "$top/build" release -DESPALIER_TESTS=OFF
"$top/build/bin/espalier" --version
