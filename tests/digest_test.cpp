// SPDX-License-Identifier: Apache-2.0
#include <doctest/doctest.h>

#include <espalier/digest.hpp>

using espalier::Digest;
using espalier::Hasher;

TEST_CASE("SHA-256 of the standard's examples (FIPS 180-4)") {
  CHECK(espalier::digest_of("").hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(espalier::digest_of("abc").hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST_CASE("fields are told apart by their lengths") {
  CHECK(Hasher().field("ab").field("c").finish() != Hasher().field("a").field("bc").finish());
  CHECK(Hasher().field("").field("a").finish() != Hasher().field("a").field("").finish());
}

TEST_CASE("hex goes there and back, and nothing else is taken for a digest") {
  const Digest d = espalier::digest_of("x");
  CHECK(Digest::from_hex(d.hex()) == d);
  CHECK(d.brief() == d.hex().substr(0, 8));
  CHECK_FALSE(Digest::from_hex("abc"));
  CHECK_FALSE(Digest::from_hex(std::string(63, 'a') + "G"));
}
