"""Identifiers as each ad platform wants them before SHA-256. The rules differ: one normaliser for all would match nobody.

Google: https://developers.google.com/data-manager/api/devguides/concepts/formatting
Meta: https://developers.facebook.com/docs/marketing-api/audiences/guides/custom-audiences (hashing and normalization) and
https://developers.facebook.com/docs/marketing-api/conversions-api/parameters/customer-information-parameters (its vectors)

A normaliser gives null for what cannot be an identifier: the hash of a placeholder would stand for many people. What is
a SHA-256 in hex already is passed on, in lower case, and never hashed again.
"""

import hashlib
import re
import unicodedata
from collections.abc import Callable
from typing import Any

HASH = re.compile(r"[0-9a-fA-F]{64}")
EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s.]+")
GMAIL = ("gmail.com", "googlemail.com")
PREFIXES = {"mr", "mrs", "ms", "miss", "mx", "dr", "prof", "sir", "dame"}
SUFFIXES = {"jr", "sr", "ii", "iii", "iv", "md", "phd", "esq"}
# digits of an international number, country code included (E.164)
SHORTEST, LONGEST = 7, 15

Normaliser = Callable[[str], str | None]


def hashed(value: Any, normalise: Normaliser) -> str | None:
    """SHA-256 in hex of the normalised value; null when there is none."""
    text = "" if value is None else str(value)
    if HASH.fullmatch(text.strip()):
        return text.strip().lower()
    normal = normalise(text)
    return hashlib.sha256(normal.encode()).hexdigest() if normal else None


def values_of(value: Any) -> list[Any]:
    """One value or several: a list column holds all addresses of a person."""
    return (
        [one for one in value if one is not None]
        if isinstance(value, list)
        else []
        if value is None
        else [value]
    )


def google_email(value: str) -> str | None:
    """Without any blank, in lower case; for Gmail without dots and `+suffix` before the @."""
    text = _without_blanks(value).lower()
    if not EMAIL.fullmatch(text):
        return None
    local, domain = text.rsplit("@", 1)
    if domain in GMAIL:
        local = local.split("+", 1)[0].replace(".", "")
    return f"{local}@{domain}" if local else None


def google_phone(value: str, calling_code: str | None = None) -> str | None:
    """E.164 with its plus sign."""
    digits = _digits(value, calling_code)
    return f"+{digits}" if digits else None


def google_name(value: str) -> str | None:
    """In lower case, trimmed, without titles before and suffixes behind."""
    words = value.lower().split()
    while words and words[0].strip(".") in PREFIXES:
        words.pop(0)
    while words and words[-1].strip(".,") in SUFFIXES:
        words.pop()
    return " ".join(words).strip(" ,") or None


def meta_email(value: str) -> str | None:
    """Trimmed, in lower case; dots and `+suffix` stay."""
    text = value.strip().lower()
    return text if EMAIL.fullmatch(text) else None


def meta_phone(value: str, calling_code: str | None = None) -> str | None:
    """Digits with the country code; no plus sign, no zeros before it."""
    return _digits(value, calling_code)


def meta_name(value: str) -> str | None:
    """In lower case, without blanks and punctuation; letters of any script stay, accents too."""
    text = unicodedata.normalize("NFC", value).lower()
    return "".join(char for char in text if unicodedata.category(char)[0] in "LM") or None


def meta_place(value: str) -> str | None:
    """City or state: in lower case, no blanks, digits or punctuation."""
    return meta_name(value)


def meta_postal_code(value: str) -> str | None:
    """In lower case, no blanks and dashes; of a US code the first five digits."""
    text = _without_blanks(value).lower()
    return text.split("-")[0][:5] if re.fullmatch(r"\d{5}-?\d{4}", text) else text.replace("-", "") or None


def meta_country(value: str) -> str | None:
    """ISO 3166-1 alpha-2, in lower case."""
    text = value.strip().lower()
    return text if re.fullmatch(r"[a-z]{2}", text) else None


def meta_gender(value: str) -> str | None:
    """The letter m or f."""
    text = value.strip().lower()[:1]
    return text if text in ("m", "f") else None


def _digits(value: str, calling_code: str | None) -> str | None:
    """The digits of an international number; a national one needs the calling code of its country."""
    text = unicodedata.normalize("NFKC", value).strip()
    digits = re.sub(r"\D", "", text)
    if text.startswith("00"):
        digits = digits[2:]
    elif not text.startswith("+"):
        if not calling_code and digits.startswith("0"):
            return None
        if calling_code and (digits.startswith("0") or not digits.startswith(calling_code)):
            digits = calling_code + digits.lstrip("0")
    digits = digits.lstrip("0")
    return digits if SHORTEST <= len(digits) <= LONGEST and not re.search(r"[A-Za-z]", text) else None


def _without_blanks(value: str) -> str:
    return "".join(char for char in value if not char.isspace() and unicodedata.category(char) != "Cf")
