{{ config(tags=['cases']) }}
-- Fails for every two votes of one value of which the aggregate of `first_of_equal_votes` takes another than the first by
-- `vote_order`: all pairs of votes that differ in a step, by every rule.
with

votes as (
    select
        tiers.tier,
        verified.is_verified,
        places.place,
        mentioned.mentions,
        moments.known_at,
        loads.load_seq,
        rules.strategy,
        'same' as value,
        'n' as node_id,
        'r' || row_number() over () as record_id,
        true as is_whole,
        2 as agreeing,
        4 as completeness
    from (select unnest([0, 1]) as tier) as tiers
    cross join (select unnest([true, false]) as is_verified) as verified
    cross join (select unnest([1, 2]) as place) as places
    cross join (select unnest([0, 3]) as mentions) as mentioned
    cross join (select unnest([null, timestamp '2026-01-01', timestamp '2026-02-01']) as known_at) as moments
    cross join (select unnest([1, 2]) as load_seq) as loads
    cross join
        (select unnest(['most_recent', 'most_frequent', 'most_complete', 'source_priority']) as strategy) as rules
),

pairs as (
    select
        one.*,
        least(one.record_id, other.record_id) || '|' || greatest(one.record_id, other.record_id) as pair
    from votes as one
    inner join votes as other on one.strategy = other.strategy and one.record_id <> other.record_id
),

standing as (
    select
        *,
        row_number() over (partition by pair order by {{ vote_order() }}) as place_in_order
    from pairs
),

found as (
    select
        pair,
        {{ min_by('record_id', first_of_equal_votes()) }} as by_aggregate,
        max(case when place_in_order = 1 then record_id end) as by_order
    from standing
    group by pair
)

select *
from found
where by_aggregate <> by_order
