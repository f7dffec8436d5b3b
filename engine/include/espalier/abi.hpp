// SPDX-License-Identifier: Apache-2.0
#pragma once

/// What engine and plugins must agree on before one line of a plugin runs.
///
/// A plugin library carries one data symbol whose text starts with the mark below. The engine reads it from the file's
/// bytes and compares it field by field with its own before it calls dlopen.

#ifdef ESPALIER_USES_TORCH
#if __has_include(<torch/version.h>)
#include <torch/version.h>
#else
#include <torch/csrc/api/include/torch/version.h>
#endif
#endif

#include <cstddef>

/// Bump when the layout or meaning of anything in include/espalier changes.
#define ESPALIER_ABI_VERSION 3

#if defined(_WIN32)
#error "Espalier supports ELF platforms only"
#endif
#define ESPALIER_API __attribute__((visibility("default")))

#define ESPALIER_TEXT_(x) #x
#define ESPALIER_TEXT(x) ESPALIER_TEXT_(x)

#if defined(_GLIBCXX_USE_CXX11_ABI)
#define ESPALIER_STDLIB_TEXT "libstdcxx-cxx11-" ESPALIER_TEXT(_GLIBCXX_USE_CXX11_ABI)
#else
#define ESPALIER_STDLIB_TEXT "other"
#endif
#if defined(_GLIBCXX_DEBUG)
#define ESPALIER_DEBUG_TEXT "containers"
#else
#define ESPALIER_DEBUG_TEXT "none"
#endif
#ifdef ESPALIER_USES_TORCH
#define ESPALIER_TORCH_TEXT TORCH_VERSION
#else
#define ESPALIER_TORCH_TEXT "none"
#endif

/// `@(#)` is what the Unix what(1) command looks for; the loader searches for the same bytes.
#define ESPALIER_ABI_MARK "@(#)espalier-abi "
#define ESPALIER_ABI_FIELDS                                                               \
  "abi=" ESPALIER_TEXT(ESPALIER_ABI_VERSION) ";compiler=gcc-abi-" ESPALIER_TEXT(          \
      __GXX_ABI_VERSION) ";stdlib=" ESPALIER_STDLIB_TEXT                                  \
                         ";std=" ESPALIER_TEXT(__cplusplus) ";debug=" ESPALIER_DEBUG_TEXT \
                                                            ";torch=" ESPALIER_TORCH_TEXT

/// Opens the namespace of the public surface. The ABI number is part of every mangled name, so a mismatch that slipped
/// through the mark is a link error and not a crash.
namespace espalier {
inline namespace v1 {}
}  // namespace espalier
