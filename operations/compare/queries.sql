-- The comparison, its class and its drivers: all arithmetic is in schema `genai`.

-- classify --
-- What kind of spike it is, and the numbers that decided.
SELECT class AS name, subject, sentence, evidence
FROM genai.classify(
    p_from => %(start)s, p_to => %(end)s, p_baseline => %(baseline)s, p_env => %(environment)s,
    p_data_mode => %(data_mode)s, p_endpoint => %(endpoint)s, p_prompt_version => %(prompt_version)s,
    p_user => %(user)s, p_tenant => %(tenant)s, p_model => %(model)s, p_provider => %(provider)s,
    p_service => %(service)s)


-- compare --
-- What changed between two windows: the total first, then segments by size of their change.
SELECT *
FROM genai.compare(
    p_from => %(start)s, p_to => %(end)s, p_baseline => %(baseline)s, p_env => %(environment)s,
    p_data_mode => %(data_mode)s, p_dimension => %(dimension)s, p_endpoint => %(endpoint)s,
    p_prompt_version => %(prompt_version)s, p_user => %(user)s, p_tenant => %(tenant)s, p_model => %(model)s,
    p_provider => %(provider)s, p_service => %(service)s, p_limit => %(limit)s)


-- drivers --
-- Whose the change is: the combinations that explain it, of the measure that its class is about.
SELECT d.place, d.name, endpoint, prompt_version, provider, model, tenant, service, "user", is_new, excess_usd,
    share_of_change, ratio, drift_ratio, strength, cost_usd, baseline_cost_usd, delta_usd, requests, baseline_requests,
    calls, baseline_calls, cost_per_request_usd, baseline_cost_per_request_usd, volume_usd, attempts_usd, mix_usd,
    tokens_usd, price_usd, new_usd, gone_usd, top_term, source, m.name AS measure
FROM genai.measure_of(%(class)s) m (name)
CROSS JOIN LATERAL genai.drivers(
    p_from => %(start)s, p_to => %(end)s, p_env => %(environment)s, p_measure => m.name, p_baseline => %(baseline)s,
    p_data_mode => %(data_mode)s, p_endpoint => %(endpoint)s, p_prompt_version => %(prompt_version)s, p_user => %(user)s,
    p_tenant => %(tenant)s, p_model => %(model)s, p_provider => %(provider)s, p_service => %(service)s) d
WHERE %(class)s NOT IN ('too_little_data', 'no_baseline')
ORDER BY d.place
