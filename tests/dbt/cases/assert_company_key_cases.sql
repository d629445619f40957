{{ config(tags=['cases']) }}
-- Fails for every name of an organisation that is compared by something else than expected: spellings of one are one, legal forms
-- say nothing, and what is left of a name is never a part of another.
with

cases as (
    select * from (
        values
        ('Acme', 'acme'),
        (' ACME, Inc. ', 'acme'),
        ('Acme Co., Ltd.', 'acme'),
        ('Acme GmbH & Co. KG', 'acme'),
        ('The Acme Company', 'acme'),
        ('Acme S.A.R.L.', 'acme'),
        ('Công ty TNHH Acme', 'acme'),
        ('CÔNG TY CỔ PHẦN Sữa Việt', 'sua viet'),
        ('Müller & Söhne AG', 'muller sohne'),
        ('Company of Heroes', 'company of heroes'),
        ('Co-op Bank', 'co op bank'),
        ('AB InBev', 'ab inbev'),
        ('3M Co', '3m'),
        ('Ltd.', null),
        ('-', null),
        ('N/A', 'n a')
    ) as listed (name, expected)
)

select
    name,
    expected,
    {{ company_key('name') }} as actual
from cases
where {{ company_key('name') }} is distinct from expected
