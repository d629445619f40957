{{ config(tags=['cases']) }}
-- Fails where what a record was at a moment is not what its changes say: a is moved twice, b appears, c goes, d never changes, e
-- changes twice at one moment. A null is "not there".
with

present (record, owner) as (
    values
    ('a', 'c3'),
    ('b', 'c1'),
    ('d', 'c4'),
    ('e', 'c7')
),

changes (change_seq, record, owner_before, occurred_at) as (
    values
    (1, 'a', 'c1', timestamp '2026-01-10 00:00:00'),
    (2, 'b', null, timestamp '2026-01-10 00:00:00'),
    (3, 'a', 'c2', timestamp '2026-01-20 00:00:00'),
    (4, 'c', 'c1', timestamp '2026-01-20 00:00:00'),
    (5, 'e', 'c5', timestamp '2026-01-20 00:00:00'),
    (6, 'e', 'c6', timestamp '2026-01-20 00:00:00')
),

expected (moment, record, owner) as (
    values
    ('before', 'a', 'c1'),
    ('before', 'b', null),
    ('before', 'c', 'c1'),
    ('before', 'd', 'c4'),
    ('before', 'e', 'c5'),
    ('at', 'a', 'c2'),
    ('at', 'b', 'c1'),
    ('at', 'c', 'c1'),
    ('at', 'd', 'c4'),
    ('at', 'e', 'c5'),
    ('after', 'a', 'c3'),
    ('after', 'b', 'c1'),
    ('after', 'c', null),
    ('after', 'd', 'c4'),
    ('after', 'e', 'c7')
),

answered as (
    {% for moment, instant in [
        ('before', '2026-01-09 23:59:59'), ('at', '2026-01-10 00:00:00'), ('after', '2026-01-20 00:00:00')
    ] %}
    select
        '{{ moment }}' as moment,
        record,
        owner
    from (
        {{ value_as_of("timestamp '" ~ instant ~ "'", 'present', 'changes', 'record', 'owner', 'owner_before') }}
    ) as owned
    {{ 'union all' if not loop.last }}
    {% endfor %}
)

select
    expected.moment,
    expected.record,
    expected.owner,
    answered.owner as actual
from expected
left join answered on expected.moment = answered.moment and expected.record = answered.record
where answered.owner is distinct from expected.owner
