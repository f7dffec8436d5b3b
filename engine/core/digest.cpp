// SPDX-License-Identifier: Apache-2.0
#include <openssl/evp.h>

#include <espalier/digest.hpp>
#include <espalier/error.hpp>

namespace espalier::inline v1 {
namespace {

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

const EVP_MD* sha256() {
  static const EVP_MD* const method = EVP_MD_fetch(nullptr, "SHA256", nullptr);  // fetched once: a lookup costs 300 ns
  return method;
}

void require(int ok) {
  if (ok != 1) throw Error(Code::internal, "libcrypto refused to compute a SHA-256", "check the OpenSSL installation");
}

}  // namespace

std::string Digest::hex() const {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(64);
  for (const std::uint8_t b : bytes) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15];
  }
  return out;
}

std::string Digest::brief() const {
  return hex().substr(0, 8);
}

std::optional<Digest> Digest::from_hex(std::string_view hex) {
  if (hex.size() != 64) return std::nullopt;
  Digest d;
  for (std::size_t i = 0; i < 32; ++i) {
    const int high = nibble(hex[2 * i]);
    const int low = nibble(hex[2 * i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    d.bytes[i] = static_cast<std::uint8_t>(high * 16 + low);
  }
  return d;
}

struct Hasher::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  State() { require(EVP_DigestInit_ex2(context, sha256(), nullptr)); }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { EVP_MD_CTX_free(context); }
};

Hasher::Hasher() : state_(std::make_unique<State>()) {}
Hasher::~Hasher() = default;
Hasher::Hasher(Hasher&&) noexcept = default;
Hasher& Hasher::operator=(Hasher&&) noexcept = default;

Hasher& Hasher::bytes(std::span<const std::byte> data) {
  require(EVP_DigestUpdate(state_->context, data.data(), data.size()));
  return *this;
}

Hasher& Hasher::field(std::string_view text) {
  field(static_cast<std::int64_t>(text.size()));
  return bytes(std::as_bytes(std::span(text)));
}

Hasher& Hasher::field(std::int64_t number) {
  std::array<std::byte, 8> little{};
  auto rest = static_cast<std::uint64_t>(number);
  for (std::byte& b : little) {
    b = static_cast<std::byte>(rest & 0xff);
    rest >>= 8;
  }
  return bytes(little);
}

Digest Hasher::finish() {
  Digest d;
  require(EVP_DigestFinal_ex(state_->context, d.bytes.data(), nullptr));
  return d;
}

Digest digest_of(std::string_view bytes) {
  return Hasher().bytes(std::as_bytes(std::span(bytes))).finish();
}

}  // namespace espalier::inline v1
