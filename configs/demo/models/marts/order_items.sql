-- The lines of cancelled orders are left out: they were neither delivered nor paid.
select
    i.order_item_id,
    i.order_id,
    i.product_id,
    o.customer_id,
    o.store_id,
    o.region_id,
    o.ordered_at,
    i.quantity,
    cast(i.quantity * i.unit_price as decimal(12, 2)) as gross_amount,
    i.discount_amount,
    cast(i.quantity * i.unit_price - i.discount_amount as decimal(12, 2)) as net_amount,
    cast(i.quantity * i.unit_cost as decimal(12, 2)) as cost_amount
from {{ ref('stg_order_items') }} as i
join {{ ref('orders') }} as o using (order_id)
where not o.is_cancelled
