// SPDX-License-Identifier: Apache-2.0
#define ESPALIER_ISA avx512
#define ESPALIER_ISA_NAME "avx512"
#define ESPALIER_WIDTH 16
#define ESPALIER_CHUNK 4
#include "form_kernels_body.hpp"
#include "kernels_body.hpp"
