"""Golden vectors: each ad platform's own normalisation, published hashes, and nothing hashed twice."""

import hashlib
from collections.abc import Callable
from functools import partial

import pytest

from pipelines.exports.destinations import hashing

E, P, N = hashing.google_email, hashing.google_phone, hashing.google_name
VN = partial(hashing.google_phone, calling_code="84")
GOOGLE = [
    (E, "dana@example.com", "dana@example.com"),
    (E, "DanaM@example.com", "danam@example.com"),
    (E, " AlexJ@cymbalgroup.com ", "alexj@cymbalgroup.com"),
    (E, "cloudySanFrancisco@GMAIL.com", "cloudysanfrancisco@gmail.com"),
    (E, "cloudy.san.francisco@gmail.com", "cloudysanfrancisco@gmail.com"),
    (E, "cloudy.sanfrancisco+shopping@googlemail.com", "cloudysanfrancisco@googlemail.com"),
    (E, "jane.doe@gmail.com", "janedoe@gmail.com"),
    (E, "Jane.Doe+a+b@Gmail.com", "janedoe@gmail.com"),
    (E, "user.name+nyc@example.com", "user.name+nyc@example.com"),
    (E, "quinn @ cymbalgroup.com", "quinn@cymbalgroup.com"),
    (E, "\tquinn@cymbalgroup.com\r\n", "quinn@cymbalgroup.com"),
    (E, "quinn\u00a0@cymbalgroup.com", "quinn@cymbalgroup.com"),
    (E, "quinn\u200b@cymbalgroup.com", "quinn@cymbalgroup.com"),
    (E, "nguyễn@example.vn", "nguyễn@example.vn"),
    (E, "a@sub.example.co.uk", "a@sub.example.co.uk"),
    (E, "a.b@mail.gmail.com", "a.b@mail.gmail.com"),
    (E, "+tag@gmail.com", None),
    (E, "n/a", None),
    (E, "two@at@example.com", None),
    (E, "no-domain@", None),
    (E, "a@b", None),
    (E, "", None),
    (P, "+1 800 555 0100", "+18005550100"),
    (P, "+1 (800) 555-0100", "+18005550100"),
    (P, "0018005550100", "+18005550100"),
    (P, "\uff0b18005550100", "+18005550100"),
    (P, "+84 90 123 45 67", "+84901234567"),
    (P, "84901234567", "+84901234567"),
    (P, "0901234567", None),
    (VN, "0901234567", "+84901234567"),
    (VN, "901 234 567", "+84901234567"),
    (VN, "84901234567", "+84901234567"),
    (VN, "+44 20 7946 0958", "+442079460958"),
    (P, "12345", None),
    (P, "+123456789012345678", None),
    (P, "call me", None),
    (P, "1-800-FLOWERS", None),
    (N, " Dana ", "dana"),
    (N, "Mrs. Dana", "dana"),
    (N, "Dr Ana Maria", "ana maria"),
    (N, "Smith Jr.", "smith"),
    (N, "O'Brien, PhD", "o'brien"),
    (N, "Nguyễn", "nguyễn"),
    (N, "Mr.", None),
]
ME, MP, MN = hashing.meta_email, hashing.meta_phone, hashing.meta_name
MVN = partial(hashing.meta_phone, calling_code="84")
META = [
    (ME, "John_Smith@gmail.com", "john_smith@gmail.com"),
    (ME, " jane.doe+a@Gmail.com ", "jane.doe+a@gmail.com"),
    (ME, "cloudy.san.francisco@gmail.com", "cloudy.san.francisco@gmail.com"),
    (ME, "user.name+nyc@example.com", "user.name+nyc@example.com"),
    (ME, "nguyễn@example.vn", "nguyễn@example.vn"),
    (ME, "a b@example.com", None),
    (ME, "n/a", None),
    (ME, "", None),
    (MP, "+1 (650) 555-1212", "16505551212"),
    (MP, "1 650 555 1212", "16505551212"),
    (MP, "+1 800 555 0100", "18005550100"),
    (MP, "0018005550100", "18005550100"),
    (MP, "+84 90 123 45 67", "84901234567"),
    (MP, "+0084901234567", "84901234567"),
    (MP, "0901234567", None),
    (MVN, "0901234567", "84901234567"),
    (MVN, "901234567", "84901234567"),
    (MP, "12345", None),
    (MP, "none", None),
    (MN, "Mary", "mary"),
    (MN, "Valéry", "valéry"),
    (MN, "Vale\u0301ry", "valéry"),
    (MN, "정", "정"),
    (MN, "O'Brien", "obrien"),
    (MN, "van der Berg", "vanderberg"),
    (MN, "Anne-Marie", "annemarie"),
    (MN, "Nguyễn", "nguyễn"),
    (MN, "--", None),
    (hashing.meta_place, "Menlo Park", "menlopark"),
    (hashing.meta_place, "St. Louis", "stlouis"),
    (hashing.meta_place, "CA", "ca"),
    (hashing.meta_place, "London 1", "london"),
    (hashing.meta_postal_code, "94025-1234", "94025"),
    (hashing.meta_postal_code, "94025", "94025"),
    (hashing.meta_postal_code, "SW1A 1AA", "sw1a1aa"),
    (hashing.meta_postal_code, "", None),
    (hashing.meta_country, "US", "us"),
    (hashing.meta_country, " Vn ", "vn"),
    (hashing.meta_country, "Vietnam", None),
    (hashing.meta_gender, "F", "f"),
    (hashing.meta_gender, "Male", "m"),
    (hashing.meta_gender, "unknown", None),
]
# published by the platforms, or checked against what they publish (Google's quickstart, Meta's parameters, TikTok's page)
PUBLISHED: list[tuple[Callable[[str], str | None], str, str]] = [
    (E, "dana@example.com", "07e2f1394b0ea80e2adca010ea8318df697001a005ba7452720edda4b0ce57b3"),
    (E, "DanaM@example.com", "1df6b43bc68dd38eca94e6a65b4f466ae537b796c81a526918b40ac4a7b906c7"),
    (E, "ALEXJ@example.com", "2ef46c4214c3fc1b277a2d976d55194e12b899aa50d721f28da858c7689756e3"),
    (E, "jane.doe+x@gmail.com", "d6117306...6c69"),
    (E, "cloudy.SanFrancisco@GMAIL.com", "223ebda6...f9c4"),
    (E, "user.name+nyc@example.com", "f109a2a6...cdac"),
    (P, "+1 800 555 0100", "fb4f73a6...7b30"),
    (MP, "+1 800 555 0100", "92cfdc5f...046c"),
    (ME, "John_Smith@gmail.com", "62a14e44f765419d10fea99367361a727c12365e2520f32218d505ed9aa0f62f"),
    (MP, "+1 (650)555-1212", "e323ec626319ca94ee8bff2e4c87cf613be6ea19919ed1364124e16807ab3176"),
    (MN, "Mary", "6915771be1c5aa0c886870b6951b03d7eafc121fea0e80a5ea83beb7c449f4ec"),
    (MN, "정", "8fa8cd9c440be61d0151429310034083132b35975c4bea67fdd74158eb51db14"),
    (MN, "Valéry", "08e1996b5dd49e62a4b4c010d44e4345592a863bb9f8e3976219bac29417149c"),
    (hashing.meta_gender, "F", "252f10c83610ebca1a059c0bae8255eba2f95be4d1d7bcfa89d7248a82d9f111"),
    (hashing.meta_place, "CA", "6959097001d10501ac7d54c0bdb8db61420f658f2922cc26e46d536119a31126"),
    (hashing.meta_country, "US", "79adb2a2fce5c6ba215fe5f27f532d4e7edbac4b6a5e09e1ef3a08084a904621"),
]


def test_there_are_enough_vectors() -> None:
    """At least 40 a platform."""
    assert len(GOOGLE) >= 40
    assert len(META) >= 40


@pytest.mark.parametrize(("normalise", "raw", "normal"), GOOGLE + META)
def test_vectors(normalise: Callable[[str], str | None], raw: str, normal: str | None) -> None:
    """The hash is that of the normalised text, and null where there is nothing to know anybody by."""
    expected = hashlib.sha256(normal.encode()).hexdigest() if normal else None

    assert normalise(raw) == normal
    assert hashing.hashed(raw, normalise) == expected


@pytest.mark.parametrize(("normalise", "raw", "published"), PUBLISHED)
def test_published_hashes(normalise: Callable[[str], str | None], raw: str, published: str) -> None:
    """What the platforms themselves say the hash is."""
    first, _, last = published.partition("...")
    got = str(hashing.hashed(raw, normalise))

    assert got.startswith(first)
    assert got.endswith(last)
    assert len(got) == 64


@pytest.mark.parametrize("normalise", [E, P, N, ME, MP, MN])
def test_a_hash_is_not_hashed_again(normalise: Callable[[str], str | None]) -> None:
    """64 hex digits are a hash already, in whatever case they come."""
    one = hashlib.sha256(b"x").hexdigest()

    assert hashing.hashed(one.upper(), normalise) == one
    assert hashing.hashed(f" {one} ", normalise) == one
