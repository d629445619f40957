{{ config(tags=['cases']) }}
-- Fails for every text that is read as another value than expected: money stays exact, offsets decide over zones, what
-- cannot be read is null (staging then rejects the row).
with

cases as (
    select 'money' as kind, raw_text, cast({{ parse_money('raw_text') }} as varchar) as actual, expected from (
        values ('3.99', '3.99'), ('8.881784e-16', '0.00'), ('1e2', '100.00'), (' 12 ', '12.00'), ('-0.10', '-0.10'), ('ten', null), ('', null)
    ) as money (raw_text, expected)
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
    select 'pattern', raw_text, cast({{ parse_date('raw_text', '%d/%m/%Y') }} as varchar), expected from (
        values ('02/01/2026', '2026-01-02'), ('31/12/2025', '2025-12-31'), ('12/31/2025', null)
    ) as patterned (raw_text, expected)
)

select *
from cases
where actual is distinct from expected
