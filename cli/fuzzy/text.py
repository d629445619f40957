"""SQL expressions that bring names of several scripts into one comparable spelling.

Delivered text is never changed: these expressions feed the comparison columns only. DuckDB's edit distances
count bytes, so one Cyrillic or Han letter would count as two or three edits; after `folded` most alphabets are
Latin letters, and `one_byte` gives what is left (Han, Hangul, Thai, ...) one byte per character.
"""

# One letter for one letter: good enough to compare, not a transliteration standard. Both sides get the same.
_ALPHABETS = {
    "đøłßæœıðþħŋ": "dolsaeidthn",
    "абвгдежзиклмнопрстуфхцчшщыэюяіїєґўјљњђћџѓќѕйё": "abvgdezziklmnoprstufhccssieuaiiegujlndcdgksie",
    "αβγδεζηθικλμνξοπρστυφχψωςάέήίόύώ": "abgdezitiklmnxoprstyfxposaeiioyo",
    "աբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցփքօֆ": "abgdezeetjilxckhjgcmynsocpjrsvtrcpkof",
    "აბგდევზთიკლმნოპჟრსტუფქღყშჩცძწჭხჯჰ": "abgdevztiklmnopzrstufkgqscczcxxjh",
    "אבגדהוזחטיכלמנסעפצקרשתךםןףץ": "abgdhvzxtyklmnsepcqrstkmnfc",
    "ابتثجحخدذرزسشصضطظعغفقكلمنهويىةأإآؤئپچژگکی": "abttjxxddrzssssttagfqklmnhwyytaaawypcjgky",
}
# Signs that carry no sound of their own stand last: translate() drops what has no counterpart.
_FROM = "".join(_ALPHABETS) + "ьъءـ"
_APOSTROPHES = "''`\u2019\u00b4\u02bc"
_CJK_MARKS = "\u3001\uff0c\u3002\u30fb\u00b7"
_TO = "".join(_ALPHABETS.values())


def folded(column: str) -> str:
    """Lower case, no accents, alphabets with a Latin counterpart in Latin letters; null when nothing is left."""
    plain = f"strip_accents(lower(nfc_normalize(cast({column} as varchar))))"
    # translate() builds its table anew for every row: only what is not plain ASCII goes through it
    letters = f"case when strlen({plain}) = length({plain}) then {plain} else translate({plain}, '{_FROM}', '{_TO}') end"
    return f"nullif(trim({letters}), '')"


def words(column: str) -> str:
    """Folded words with one blank between them; punctuation parts words, except apostrophes."""
    clean = f"regexp_replace({folded(column)}, '[{_APOSTROPHES}]', '', 'g')"
    clean = f"regexp_replace({clean}, '[[:punct:][:space:]{_CJK_MARKS}]+', ' ', 'g')"
    return f"nullif(trim({clean}), '')"


def person_name(column: str) -> str:
    """Words of a name without titles and generation marks in front of or behind it."""
    bare = f"regexp_replace({words(column)}, '^(mr|mrs|ms|miss|dr|prof|herr|frau|sr|sra|mme) +', '')"
    return f"nullif(trim(regexp_replace({bare}, ' +(jr|sr|ii|iii|phd|md)$', '')), '')"


def one_byte(column: str) -> str:
    """One byte per character, so that edit distances count characters in every script."""
    mapped = f"list_transform(string_split({column}, ''), lambda c: case when ord(c) < 128 then c else chr(33 + ord(c) % 90) end)"
    return (
        f"case when strlen({column}) = length({column}) then {column} else array_to_string({mapped}, '') end"
    )


def skeleton(column: str) -> str:
    """Spelling-proof key of a name: first letter and the consonants after it, doubles once, at most five.

    A name without Latin letters is its own key.
    """
    latin = f"translate({column}, 'ykzvwj -', 'icsffi')"
    latin = f"replace(replace(replace(replace({latin}, 'ph', 'f'), 'sch', 's'), 'th', 't'), 'ck', 'c')"
    rest = f"regexp_replace(substr({latin}, 2), '[aeiouh]', '', 'g')"
    for letter in "bcdfglmnprst":
        rest = f"replace({rest}, '{letter}{letter}', '{letter}')"
    return f"case when strlen({column}) = length({column}) then substr(substr({latin}, 1, 1) || {rest}, 1, 5) else {column} end"
