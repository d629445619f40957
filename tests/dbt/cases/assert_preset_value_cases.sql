{{ config(tags=['cases']) }}
-- Fails for every value that a preset's macro reads differently from the expected one: amounts in the smallest unit, times
-- as numbers, values inside JSON text. What cannot be read goes on as delivered or is null: staging quarantines both.
with

amounts as (
    select * from (
        values
        ('1099', 'usd', '10.99'),
        ('5', 'EUR', '0.05'),
        ('500', 'jpy', '500.00'),
        ('12340', 'KWD', '12.34'),
        ('500', 'isk', '5.00'),
        ('-250', 'usd', '-2.50'),
        ('99999999999', 'usd', '999999999.99'),
        ('ten', 'usd', 'ten'),
        (null, 'usd', null)
    ) as listed (amount, currency, expected)
),

moments as (
    select * from (
        values
        ('1767225600', '2026-01-01 00:00:00'),
        ('yesterday', 'yesterday'),
        (null, null),
        ('253402300799', '9999-12-31 23:59:59'),
        ('253402300800', '253402300800'),
        ('9223372036854775807', '9223372036854775807'),
        ('-62135596801', '-62135596801')
    ) as listed (seconds, expected)
),

documents as (
    select * from (
        values
        ('[{"kind": "refund", "amount": "1.20"}, {"kind": "refund", "amount": 3}, {"kind": "void", "amount": "9"}]', '4.20', '13.20'),
        ('[{"kind": "refund", "amount": "x"}]', null, null),
        ('[]', '0.00', '0.00'),
        (null, '0.00', '0.00')
    ) as listed (document, refunded, summed)
),

parameters as (
    select * from (
        values
        ('[{"key": "a", "value": {"n": "1"}}, {"key": "b", "value": {}}, {"key": "c", "value": {"n": "3"}}]', 'c', '3'),
        ('[{"key": "a", "value": {"n": "1"}}]', 'z', null),
        ('no list', 'a', null)
    ) as listed (document, wanted, expected)
),

filtered as (
    select
        *,
        {{ json_where('document', {'kind': 'refund'}) }} as refunds
    from documents
),

judged as (
    select 'minor_units ' || coalesce(amount, '-') || ' ' || currency as label, expected,
        {{ minor_units('amount', 'currency') }} as actual
    from amounts
    union all
    select 'epoch_seconds ' || coalesce(seconds, '-') as label, expected, {{ epoch_seconds('seconds') }} as actual
    from moments
    union all
    select 'epoch_micros' as label, '2026-02-01 09:00:00.123456' as expected, {{ epoch_micros("'1769936400123456'") }} as actual
    union all
    select 'epoch_millis' as label, '2026-06-04 07:00:00.5' as expected, {{ epoch_millis("'1780556400500'") }} as actual
    union all
    select 'json_sum ' || coalesce(document, '-') as label, summed as expected,
        cast({{ json_sum('document', '$[*].amount') }} as varchar) as actual
    from documents
    union all
    select 'json_where ' || coalesce(document, '-') as label, refunded as expected,
        cast({{ json_sum('refunds', '$[*].amount') }} as varchar) as actual
    from filtered
    union all
    select 'json_keyed ' || wanted as label, expected,
        case wanted
            when 'c' then {{ json_value(json_keyed('document', 'c'), 'n') }}
            when 'z' then {{ json_value(json_keyed('document', 'z'), 'n') }}
            else {{ json_value(json_keyed('document', 'a'), 'n') }}
        end as actual
    from parameters
    union all
    select 'json_value of text' as label, null as expected, {{ json_value("'cus_1'", 'id') }} as actual
)

select * from judged
where actual is distinct from expected
