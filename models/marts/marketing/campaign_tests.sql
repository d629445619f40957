-- Grain: one row per campaign and comparison of two groups of its people by the share that bought.
-- holdout: all who were written to against those held out. variant: each against the first by name. opened: those who opened
-- against those reached who did not; nobody drew lots there, so it tells what goes with opening, not what opening does.
{% set chance = '(' ~ var('significance_level') ~ 'e0 / 2 / (comparisons - place + 1))' %}
with

people as (
    select *
    from {{ ref('int_marketing__recipients') }}
    where is_mature and not is_mixed
),

first_variants as (
    select
        source,
        campaign_id,
        min(variant) as variant
    from people
    where not is_holdout
    group by source, campaign_id
),

members as (
    select
        source,
        campaign_id,
        'holdout' as comparison,
        case when is_holdout then 'holdout' else 'written to' end as arm,
        is_holdout as is_baseline,
        is_buyer
    from people
    -- a holdout that got mail after all was not held out
    where is_sent <> is_holdout
    union all
    select
        people.source,
        people.campaign_id,
        'variant' as comparison,
        people.variant as arm,
        people.variant = first_variants.variant as is_baseline,
        people.is_buyer
    from people
    inner join first_variants
        on people.source = first_variants.source and people.campaign_id = first_variants.campaign_id
    where not people.is_holdout and people.variant is not null
    union all
    select
        source,
        campaign_id,
        'opened' as comparison,
        case when is_opened then 'opened' else 'not opened' end as arm,
        not is_opened as is_baseline,
        is_buyer
    from people
    where is_delivered
),

arms as (
    select
        source,
        campaign_id,
        comparison,
        arm,
        is_baseline,
        count(*) as n,
        count(*) filter (where is_buyer) as buyers
    from members
    group by source, campaign_id, comparison, arm, is_baseline
),

paired as (
    select
        arms.source,
        arms.campaign_id,
        arms.comparison,
        arms.arm,
        baselines.arm as baseline,
        arms.n,
        arms.buyers,
        baselines.n as baseline_n,
        baselines.buyers as baseline_buyers,
        {{ share_of('arms.buyers', 'arms.n') }} as share,
        {{ share_of('baselines.buyers', 'baselines.n') }} as baseline_share,
        {{ share_of('(arms.buyers + baselines.buyers)', '(arms.n + baselines.n)') }} as pooled_share,
        {{ share_low('arms.buyers', 'arms.n') }} as low,
        {{ share_high('arms.buyers', 'arms.n') }} as high,
        {{ share_low('baselines.buyers', 'baselines.n') }} as baseline_low,
        {{ share_high('baselines.buyers', 'baselines.n') }} as baseline_high,
        arms.n >= {{ var('min_sample') }} and baselines.n >= {{ var('min_sample') }} as enough_n
    from arms
    inner join arms as baselines
        on
            arms.source = baselines.source
            and arms.campaign_id = baselines.campaign_id
            and arms.comparison = baselines.comparison
    where not arms.is_baseline and baselines.is_baseline
),

-- interval of a difference from the two of its parts (Newcombe 1998, method 10)
compared as (
    select
        *,
        share - baseline_share as difference,
        sqrt((share - low) * (share - low) + (baseline_high - baseline_share) * (baseline_high - baseline_share))
            as fall_room,
        sqrt((high - share) * (high - share) + (baseline_share - baseline_low) * (baseline_share - baseline_low))
            as rise_room,
        case
            when enough_n and pooled_share > 0 and pooled_share < 1
                then
                    abs(share - baseline_share)
                    / sqrt(pooled_share * (1 - pooled_share) * (1e0 / n + 1e0 / baseline_n))
        end as z
    from paired
),

-- Many comparisons (Holm 1979): the largest is held against the quantile for all of them, the next for one less, and so
-- on until the first that does not reach its own.
ranked as (
    select
        *,
        row_number() over (order by z desc nulls last, source, campaign_id, comparison, arm) as place,
        count(z) over () as comparisons
    from compared
),

judged as (
    select
        *,
        case when z is not null then {{ normal_tail_quantile(chance) }} end as z_needed
    from ranked
),

stepped as (
    select
        *,
        min(case when z > z_needed then 1 else 0 end) over (
            order by place
            rows between unbounded preceding and current row
        ) as passed
    from judged
),

final as (
    select
        source || ':' || campaign_id || '/' || comparison || '/' || arm as campaign_test_key,
        source || ':' || campaign_id as campaign_key,
        source,
        campaign_id,
        comparison,
        arm,
        baseline,
        comparison <> 'opened' as is_drawn_by_lot,
        n,
        buyers,
        baseline_n,
        baseline_buyers,
        cast(share as double) as share,
        cast(baseline_share as double) as baseline_share,
        cast(difference as double) as difference,
        cast(difference - fall_room as double) as ci_low,
        cast(difference + rise_room as double) as ci_high,
        enough_n,
        cast(z as double) as z,
        cast(z_needed as double) as z_needed,
        comparisons,
        case when z is not null then passed = 1 end as is_significant
    from stepped
)

select * from final
