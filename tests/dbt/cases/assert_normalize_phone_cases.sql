{{ config(tags=['cases']) }}
-- Fails for every number read differently from the expected one: at home in a region, from abroad, and what is no number. The
-- whole comparison with libphonenumber is tests/integration/test_phones.py.
with

cases as (
    select 'VN' as region, raw_phone, {{ normalize_phone('raw_phone', 'VN') }} as actual, expected from (
        values
        ('0912 345 678', '+84912345678'), ('+84 (0)912-345-678', '+84912345678'), ('0084912345678', '+84912345678'),
        ('84912345678', '+84912345678'), ('۰۹۱۲۳۴۵۶۷۸', '+84912345678'), ('0912345678 ext. 12', '+84912345678'),
        ('0912345678 (Zalo)', '+84912345678'), ('tel: 0912.345.678', '+84912345678'), ('+39 06 1234 5678', '+390612345678'),
        ('n/a', null), ('12', null), ('0912345678 / 0987654321', null), ('+999 123456789', null), ('0000', null), ('', null)
    ) as vn (raw_phone, expected)
    union all
    select 'IT', raw_phone, {{ normalize_phone('raw_phone', 'IT') }}, expected from (
        values ('06 1234 5678', '+390612345678'), ('312 345 6789', '+393123456789')
    ) as it (raw_phone, expected)
    union all
    select 'AR', raw_phone, {{ normalize_phone('raw_phone', 'AR') }}, expected from (
        values ('011 15-2345-6789', '+5491123456789'), ('011 2345-6789', '+541123456789'), ('+54 9 11 2345 6789', '+5491123456789')
    ) as ar (raw_phone, expected)
    union all
    select 'BR', raw_phone, {{ normalize_phone('raw_phone', 'BR') }}, expected from (
        values ('(11) 96123-4567', '+5511961234567'), ('0 15 11 96123-4567', '+5511961234567'), ('011 96123-4567', '+5511961234567')
    ) as br (raw_phone, expected)
    union all
    select 'MX', raw_phone, {{ normalize_phone('raw_phone', 'MX') }}, expected from (
        values ('222 123 4567', '+522221234567'), ('+52 222 123 4567', '+522221234567')
    ) as mx (raw_phone, expected)
    union all
    select 'US', raw_phone, {{ normalize_phone('raw_phone', 'US') }}, expected from (
        values ('1-800-FLOWERS', '+18003569377'), ('(650) 253-0000', '+16502530000'), ('011 84 912 345 678', '+84912345678'), ('253-0000', null)
    ) as us (raw_phone, expected)
    union all
    select 'none', raw_phone, {{ normalize_phone('raw_phone') }}, expected from (
        values ('+84912345678', '+84912345678'), ('0084912345678', '+84912345678'), ('0912345678', null)
    ) as nowhere (raw_phone, expected)
)

select *
from cases
where actual is distinct from expected
