// SPDX-License-Identifier: Apache-2.0
#define ESPALIER_ISA avx2
#define ESPALIER_ISA_NAME "avx2"
#define ESPALIER_WIDTH 8
#define ESPALIER_CHUNK 2
#include "form_kernels_body.hpp"
#include "kernels_body.hpp"
