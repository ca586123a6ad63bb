select
    *,
    case
        when list_price < 20 then 'budget'
        when list_price < 80 then 'mid-range'
        else 'premium'
    end as price_band
from {{ ref('stg_products') }}
