with totals as (
    select
        order_id,
        cast(sum(quantity * unit_price - discount_amount) as decimal(12, 2)) as net_amount
    from {{ ref('stg_order_items') }}
    group by order_id
)

select
    o.order_id,
    o.customer_id,
    o.store_id,
    s.region_id,
    o.ordered_at,
    o.channel,
    o.status,
    o.is_cancelled,
    o.payment_method,
    o.promo_code,
    row_number() over (partition by o.customer_id order by o.ordered_at, o.order_id) = 1 as is_first_order,
    t.net_amount,
    o.shipping_fee
from {{ ref('stg_orders') }} as o
join {{ ref('stg_stores') }} as s using (store_id)
join totals as t using (order_id)
