// SPDX-License-Identifier: Apache-2.0
#define ESPALIER_ISA baseline
#define ESPALIER_ISA_NAME "baseline"
#define ESPALIER_WIDTH 4
#define ESPALIER_CHUNK 2
#include "form_kernels_body.hpp"
#include "kernels_body.hpp"
