-- Grain: one row per outcome, survey and driver: how much of the outcome's spread is associated with it.
with

fits as (
    select * from {{ ref('cx_driver_fits') }}
),

final as (
    select
        outcome || '/' || coalesce(survey, '') || '/' || driver as driver_id,
        outcome,
        survey,
        'associated with' as relation,
        driver,
        measure,
        above,
        is_automatic,
        answers,
        answered,
        n,
        respondents,
        needed,
        refused_because is null as is_fitted,
        refused_because,
        r_squared,
        case
            when refused_because is null
                then cast(
                    row_number() over (
                        partition by outcome, survey, refused_because is null order by importance desc, driver
                    ) as {{ sql_type('int') }}
                )
        end as place,
        importance,
        importance_low,
        importance_high,
        importance / nullif(r_squared, 0) as importance_share,
        effect,
        effect_low,
        effect_high,
        p_value,
        p_adjusted,
        p_adjusted < {{ var('significance_level') }} as is_significant
    from fits
)

select * from final
