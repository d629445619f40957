-- Grain: one row per campaign and variant with at least one message or person; variant null = its source names none.
with

results as (
    select *
    from {{ ref('int_marketing__results') }}
    where not is_total
),

costs as (
    select *
    from {{ ref('int_marketing__costs') }}
    where not is_total
),

settings as (
    select * from {{ ref('config_campaigns') }}
),

final as (
    select
        results.source || ':' || results.campaign_id || '/' || coalesce(results.variant, '') as campaign_variant_key,
        results.source || ':' || results.campaign_id as campaign_key,
        results.source,
        results.campaign_id,
        results.variant,
        coalesce({{ contains_word('settings.holdout_variants', 'results.variant') }}, false) as is_holdout,
        {{ campaign_figures('results') }},
        {{ campaign_costs('results', 'costs') }}
    from results
    cross join settings
    left join costs
        on
            results.source = costs.source
            and results.campaign_id = costs.campaign_id
            and results.variant = costs.variant
)

select * from final
