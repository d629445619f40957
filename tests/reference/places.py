"""Country names and currencies from CLDR (Unicode-3.0 licence, package `babel`) -> seeds `country_names`, `currencies`."""

from typing import Any

from babel import Locale
from babel.numbers import get_currency_precision

from tests.reference.words import through

# Languages whose names of countries are known; English first, so that its names win.
LOCALES = (
    "en", "vi", "th", "zh", "zh_Hant", "fa", "pt", "es", "de", "fr", "it", "nl", "pl", "tr", "ru", "uk", "ar", "ja", "ko", "id", "ms",
    "sv", "da", "nb", "fi", "cs", "hu", "ro", "el", "he", "hi",
)  # fmt: skip
# What CLDR does not say: other names, older ones, ISO 3166-1 alpha-3 comes from CLDR's aliases.
OTHERS = {
    "uk": "GB", "u.k.": "GB", "great britain": "GB", "britain": "GB", "england": "GB", "scotland": "GB", "wales": "GB",
    "northern ireland": "GB", "united kingdom of great britain and northern ireland": "GB",
    "u.s.": "US", "u.s.a.": "US", "united states of america": "US", "the united states": "US", "america": "US", "mỹ": "US", "hoa kỳ": "US",
    "socialist republic of vietnam": "VN", "viet nam": "VN", "cộng hòa xã hội chủ nghĩa việt nam": "VN",
    "russian federation": "RU", "korea": "KR", "south korea": "KR", "republic of korea": "KR", "hàn quốc": "KR",
    "democratic people's republic of korea": "KP", "iran, islamic republic of": "IR", "islamic republic of iran": "IR",
    "holland": "NL", "the netherlands": "NL", "czech republic": "CZ", "prc": "CN", "people's republic of china": "CN", "p.r. china": "CN",
    "mainland china": "CN", "中华人民共和国": "CN", "roc": "TW", "taiwan, province of china": "TW", "hong kong": "HK", "macau": "MO", "uae": "AE",
    "ksa": "SA", "burma": "MM", "ivory coast": "CI", "cape verde": "CV", "swaziland": "SZ", "macedonia": "MK", "east timor": "TL",
    "turkey": "TR", "türkiye": "TR", "lao pdr": "LA", "lao people's democratic republic": "LA", "syrian arab republic": "SY",
    "republic of moldova": "MD", "bolivia, plurinational state of": "BO", "venezuela, bolivarian republic of": "VE",
    "tanzania, united republic of": "TZ", "brunei darussalam": "BN", "republic of ireland": "IE", "ประเทศไทย": "TH", "siam": "TH",
    "jamhuri ya kenya": "KE", "kingdom of saudi arabia": "SA", "vatican": "VA", "holy see": "VA", "persia": "IR",
    "schweiz": "CH", "suisse": "CH", "svizzera": "CH", "bharat": "IN", "philippines, the": "PH", "the philippines": "PH",
}  # fmt: skip
# Codes of CLDR that are no countries of ISO 3166-1.
NO_COUNTRIES = {"AC", "CP", "CQ", "DG", "EA", "EU", "EZ", "IC", "QO", "TA", "UN", "XA", "XB", "XK", "ZZ"}
COUNTRY_HEADER = ("lookup_key", "country_code", "name")
CURRENCY_HEADER = ("code", "name", "decimals", "signs")
# How people write a currency beside an amount; CLDR knows too many. A sign of several currencies stands with each.
SIGNS = {
    "€": "EUR", "₫": "VND", "đ": "VND", "vnđ": "VND", "฿": "THB", "₹": "INR", "rs": "INR PKR LKR NPR MUR", "₩": "KRW", "₺": "TRY", "tl": "TRY", "₽": "RUB",
    "₴": "UAH", "₪": "ILS", "₦": "NGN", "₱": "PHP", "₡": "CRC", "₲": "PYG", "₸": "KZT", "₮": "MNT", "₾": "GEL", "₼": "AZN", "៛": "KHR",
    "₭": "LAK", "﷼": "IRR YER OMR", "ریال": "IRR", "元": "CNY", "円": "JPY", "원": "KRW", "บาท": "THB", "¥": "JPY CNY", "￥": "JPY CNY",
    "$": "USD CAD AUD NZD SGD HKD TWD MXN ARS CLP COP UYU BRL JMD TTD BBD BSD BZD FJD GYD LRD NAD SRD SBD XCD BMD KYD BND",
    "us$": "USD", "c$": "CAD", "ca$": "CAD", "a$": "AUD", "au$": "AUD", "nz$": "NZD", "s$": "SGD", "hk$": "HKD", "nt$": "TWD", "mx$": "MXN", "r$": "BRL",
    "£": "GBP EGP SYP LBP GIP FKP SHP", "fr": "CHF", "sfr": "CHF", "kr": "SEK NOK DKK ISK", "zł": "PLN", "kč": "CZK", "ft": "HUF", "lei": "RON MDL",
    "лв": "BGN", "rm": "MYR", "rp": "IDR", "s/": "PEN", "руб": "RUB", "грн": "UAH",
}  # fmt: skip
AMBIGUOUS = {"congo", "micronesia", "virginislands", "saintmartin"}
FUNDS = {"XXX", "XTS", "XUA", "XSU", "XBA", "XBB", "XBC", "XBD", "XAU", "XAG", "XPT", "XPD", "XDR", "CHE", "CHW", "COU", "CLF", "MXV", "UYI", "UYW", "USN", "BOV"}  # fmt: skip


def countries() -> list[dict[str, str]]:
    """Names and codes of every country, each key once; a key that means two countries is left out."""
    names: dict[str, Any] = {one: Locale.parse(one).territories for one in LOCALES}
    english = names["en"]
    codes = sorted(code for code in english if len(code) == 2 and code.isalpha() and code not in NO_COUNTRIES)
    wanted: list[tuple[str, str]] = [(code, code) for code in codes]
    wanted += [(alias, code) for alias, code in _alpha3().items() if code in codes]
    wanted += list(OTHERS.items())
    wanted += [(names[one][code], code) for one in LOCALES for code in codes if code in names[one]]
    keys = through("lookup_key", (name for name, _ in wanted))
    found: dict[str, set[str]] = {}
    for key, (_, code) in zip(keys, wanted, strict=True):
        found.setdefault(key, set()).add(code)
    fixed = {key: code for key, (_, code) in zip(keys[: len(codes)], wanted, strict=False)}
    rows = {
        key: fixed.get(key) or (min(one) if len(one) == 1 else None)
        for key, one in found.items()
        if key and key not in AMBIGUOUS
    }
    return [
        {"lookup_key": key, "country_code": code, "name": english[code]}
        for key, code in sorted(rows.items())
        if code
    ]


def _alpha3() -> dict[str, str]:
    from babel.core import get_global

    aliases: Any = get_global("territory_aliases")
    return {
        alias: to[0] for alias, to in aliases.items() if len(alias) == 3 and alias.isalpha() and len(to) == 1
    }


def currencies() -> list[dict[str, str]]:
    """ISO 4217 codes, of the past too, with their decimals and the signs people write."""
    from babel.core import get_global

    english = Locale.parse("en")
    held: Any = get_global("territory_currencies")
    # those of the past too: orders keep the currency they were paid in
    codes = {code for listed in held.values() for code, _, _, tender in listed if tender} - FUNDS
    signs: dict[str, list[str]] = {}
    for sign, listed in SIGNS.items():
        for code in listed.split():
            signs.setdefault(code, []).append(sign)
    return [
        {"code": code, "name": english.currencies.get(code, code), "decimals": str(get_currency_precision(code)), "signs": " ".join(signs.get(code, []))}
        for code in sorted(codes)
    ]  # fmt: skip
