"""Comparing what people are reached by: e-mail address, telephone, street address."""

from cli.fuzzy.levels import Comparison, Level, both, edits, near

# An address made of the owner's name repeats it: its letters say what the names have said. Only the number beside
# the name is news, and another number is another mailbox.
_NAMED = "coalesce(email_named_l and email_named_r, false)"
_UNNUMBERED = (
    f"({_NAMED} and email_l <> email_r and (email_digits_l = '' or email_digits_r = '')"
    f" and {near('email_letters', 0.8)})"
)
_SAME_NUMBER = "(email_digits_l = email_digits_r and strlen(email_digits_l) {0})"
_USERS_NEAR = (
    f"(not {_NAMED} and (email_digits_l = email_digits_r or email_digits_l = '' or email_digits_r = '')"
    f" and {near('email_user', 0.88)})"
)
EMAIL = Comparison(
    "email",
    ("email", "email_user", "email_letters", "email_digits", "email_named"),
    f"{both('email')} or {_UNNUMBERED}",
    (
        Level("same", "email_l = email_r", 0.6, "email"),
        Level(
            "same user, other domain",
            f"not {_NAMED} and email_user_l = email_user_r and strlen(email_user_l) >= 4",
            0.05,
        ),
        Level(
            "a typing error apart",
            f"not {_NAMED} and (email_digits_l = email_digits_r and {edits('email', 2, 0.85)}"
            f" or email_digits_l <> '' and email_digits_r <> '' and {edits('email', 1, 0.9)})",
            0.05,
        ),
        Level("a name with the same long number", f"{_NAMED} and {_SAME_NUMBER.format('>= 3')}", 0.05),
        Level("a name with the same short number", f"{_NAMED} and {_SAME_NUMBER.format('> 0')}", 0.05),
        Level("similar user", _USERS_NEAR, 0.05),
        Level("different", "true", 0.15),
    ),
    shared=0.15,
)
PHONE = Comparison(
    "phone",
    ("phone",),
    both("phone"),
    (
        Level("same", "phone_l = phone_r", 0.65, "phone"),
        Level("one digit off", edits("phone", 1), 0.1),
        Level("different", "true", 0.25),
    ),
    shared=0.4,
)
_SAME_PLACE = "(coalesce(postal_code_l = postal_code_r, false) or coalesce(city_l = city_r, false))"
# only one of them says where the street is
_PLACE_OPEN = "(postal_code_l is null or postal_code_r is null) and (city_l is null or city_r is null)"
# 12 and 14 Park Road are two houses, however alike they are as texts
_SAME_HOUSE = "(street_number_l = street_number_r or street_number_l = '' or street_number_r = '')"
_STREET_NEAR = f"({near('street_bytes', 0.9)} or {edits('street_bytes', 2, 0.85)})"
ADDRESS = Comparison(
    "address",
    ("street", "street_bytes", "street_number", "postal_code", "city"),
    f"{both('street')} and {both('postal_code')}",
    (
        Level("same street and place", f"street_l = street_r and {_SAME_PLACE}", 0.45),
        Level("same street, place not known", f"street_l = street_r and {_PLACE_OPEN}", 0.45),
        Level(
            "similar street, same house, same or unknown place",
            f"{_STREET_NEAR} and {_SAME_HOUSE} and ({_SAME_PLACE} or {_PLACE_OPEN})",
            0.12,
        ),
        Level("same or similar street, other place", f"{_STREET_NEAR} and {_SAME_HOUSE}", 0.1),
        Level("similar street, other house", f"{_STREET_NEAR} and ({_SAME_PLACE} or {_PLACE_OPEN})", 0.06),
        Level("same postal code", "postal_code_l = postal_code_r", 0.08),
        Level("postal code one digit off", edits("postal_code", 1), 0.02),
        Level("different", "true", 0.15),
    ),
    shared=1.0,
    rows="coalesce(street, postal_code) is not null",
)
