-- The shares of the most expensive tenant and user, and of unattributed calls.
SELECT genai.short_name('tenant', c.top_tenant) AS top_tenant, c.top_tenant_share, genai.short_name('user', c.top_user) AS top_user,
    c.top_user_share, c.no_tenant_share, c.no_user_share, c.tenants,
    c.users
FROM genai.concentration(
    $__timeFrom()::timestamptz, $__timeTo()::timestamptz, array_to_string(ARRAY[$env]::text[], ','), '$data_mode',
    genai.panel_focus('$endpoint')) c
