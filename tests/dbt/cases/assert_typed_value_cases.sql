{{ config(tags=['cases']) }}
-- Fails for every text that is read as another value than expected: money stays exact, offsets decide over zones, what
-- cannot be read is null (staging then rejects the row).
with

cases as (
    select 'money' as kind, raw_text, cast({{ parse_money('raw_text') }} as varchar) as actual, expected from (
        values
        ('3.99', '3.99'), ('8.881784e-16', '0.00'), ('1e2', '100.00'), (' 12 ', '12.00'), ('-0.10', '-0.10'), ('.5', '0.50'), ('0,125', '0.13'),
        ('1.234,56 €', '1234.56'), ('VND 1,200,000', '1200000.00'), ('₫120.000', '120000.00'), ('R$ 1.234,56', '1234.56'), ('Rs. 500', '500.00'),
        ('₹1,23,456', '123456.00'), ('1 234,50', '1234.50'), ('(5.00)', '-5.00'), ('5-', '-5.00'), ('€ -3,20', '-3.20'), ('١٬٢٣٤٫٥', '1234.50'),
        ('1,234', null), ('1.234', null), ('$1,234', null), ('¥1,234', null), ('1.2.3', null), ('12 EUR 5', null), ('5 apples', null),
        ('NaN', null), ('99999999999999', null), ('ten', null), ('', null)
    ) as money (raw_text, expected)
    union all
    select 'money .', raw_text, cast({{ parse_money('raw_text', '.') }} as varchar), expected from (
        values ('1,234', '1234.00'), ('1.234', '1.23'), ('1,234.5', '1234.50'), ('1.234,56', null)
    ) as dotted (raw_text, expected)
    union all
    select 'money ,', raw_text, cast({{ parse_money('raw_text', ',') }} as varchar), expected from (
        values ('1,234', '1.23'), ('1.234', '1234.00'), ('1.234,56', '1234.56'), ('12.50', null)
    ) as commas (raw_text, expected)
    union all
    select 'money typed', raw_text, cast({{ parse_money('raw_text', 'typed') }} as varchar), expected from (
        values ('1.234', '1.23'), ('1,234', null)
    ) as typed (raw_text, expected)
    union all
    select 'currency', raw_text, {{ normalize_currency('raw_text', "'CAD'") }}, expected from (
        values ('usd', 'USD'), (' EUR ', 'EUR'), ('€', 'EUR'), ('$', 'CAD'), ('¥', null), ('HRK', 'HRK'), ('dollar', null), ('', null)
    ) as currencies (raw_text, expected)
    union all
    select 'boolean', raw_text, cast({{ parse_boolean('raw_text') }} as varchar), expected from (
        values ('TRUE', 'true'), ('y', 'true'), ('0', 'false'), ('No', 'false'), ('maybe', null)
    ) as booleans (raw_text, expected)
    union all
    select 'utc', raw_text, cast({{ parse_timestamp('raw_text') }} as varchar), expected from (
        values ('2026-01-02 03:04:05', '2026-01-02 03:04:05'), ('2026-01-02T03:04:05+07:00', '2026-01-01 20:04:05'), ('never', null)
    ) as plain (raw_text, expected)
    union all
    select 'local', raw_text, cast({{ parse_timestamp('raw_text', 'Asia/Ho_Chi_Minh') }} as varchar), expected from (
        values
        ('2026-01-02 03:04:05', '2026-01-01 20:04:05'),
        ('2026-01-02T03:04:05Z', '2026-01-02 03:04:05'),
        ('2026-01-02', '2026-01-01 17:00:00'),
        ('2026-01-02T03:04:05-05:00', '2026-01-02 08:04:05')
    ) as zoned (raw_text, expected)
    union all
    -- an hour that the clock leaves out is read as if it had not been changed yet; of one that comes twice the second is taken
    select 'summer time', raw_text, cast({{ parse_timestamp('raw_text', 'Europe/Berlin') }} as varchar), expected from (
        values
        ('2026-03-29 01:59:59', '2026-03-29 00:59:59'),
        ('2026-03-29 02:30:00', '2026-03-29 01:30:00'),
        ('2026-03-29 03:00:00', '2026-03-29 01:00:00'),
        ('2026-10-25 01:59:59', '2026-10-24 23:59:59'),
        ('2026-10-25 02:30:00', '2026-10-25 01:30:00'),
        ('2026-10-25 03:00:00', '2026-10-25 02:00:00')
    ) as changing (raw_text, expected)
    union all
    select 'pattern', raw_text, cast({{ parse_date('raw_text', '%d/%m/%Y') }} as varchar), expected from (
        values ('02/01/2026', '2026-01-02'), ('31/12/2025', '2025-12-31'), ('12/31/2025', null)
    ) as patterned (raw_text, expected)
)

select *
from cases
where actual is distinct from expected
