-- What each scope spent in a month, kept as its days change: judging budgets then adds up no day that stands.

CREATE TABLE _genai.budget_month (
    scope_id        bigint      NOT NULL,
    month           timestamptz NOT NULL,
    calls           bigint      NOT NULL,
    requests        bigint      NOT NULL,
    unpriced_calls  bigint      NOT NULL,
    uncertain_calls bigint      NOT NULL,
    cost_pico_usd   numeric     NOT NULL,
    PRIMARY KEY (scope_id, month)
) WITH (fillfactor = 70);

INSERT INTO _genai.budget_month
SELECT d.scope_id, date_trunc('month', d.day, 'UTC'), sum(d.calls), sum(d.requests), sum(d.unpriced_calls),
    sum(d.uncertain_calls), sum(d.cost_pico_usd)
FROM _genai.budget_day d
GROUP BY 1, 2;

-- Whatever a statement does to days is done to their months in the same transaction, once a month.
CREATE FUNCTION _genai.add_days_to_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO _genai.budget_month AS m
    SELECT d.scope_id, date_trunc('month', d.day, 'UTC'), sum(d.calls), sum(d.requests), sum(d.unpriced_calls),
        sum(d.uncertain_calls), sum(d.cost_pico_usd)
    FROM days_after d
    GROUP BY 1, 2
    ON CONFLICT (scope_id, month) DO UPDATE SET calls = m.calls + excluded.calls, requests = m.requests + excluded.requests,
        unpriced_calls = m.unpriced_calls + excluded.unpriced_calls,
        uncertain_calls = m.uncertain_calls + excluded.uncertain_calls, cost_pico_usd = m.cost_pico_usd + excluded.cost_pico_usd;
    RETURN NULL;
END $$;

CREATE FUNCTION _genai.take_days_from_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _genai.budget_month m SET calls = m.calls - d.calls, requests = m.requests - d.requests,
        unpriced_calls = m.unpriced_calls - d.unpriced_calls, uncertain_calls = m.uncertain_calls - d.uncertain_calls,
        cost_pico_usd = m.cost_pico_usd - d.cost_pico_usd
    FROM (
        SELECT d.scope_id, date_trunc('month', d.day, 'UTC') AS month, sum(d.calls) AS calls, sum(d.requests) AS requests,
            sum(d.unpriced_calls) AS unpriced_calls, sum(d.uncertain_calls) AS uncertain_calls, sum(d.cost_pico_usd) AS cost_pico_usd
        FROM days_before d
        GROUP BY 1, 2
    ) d
    WHERE (m.scope_id, m.month) = (d.scope_id, d.month);
    RETURN NULL;
END $$;

CREATE FUNCTION _genai.change_days_of_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE _genai.budget_month m SET calls = m.calls + d.calls, requests = m.requests + d.requests,
        unpriced_calls = m.unpriced_calls + d.unpriced_calls, uncertain_calls = m.uncertain_calls + d.uncertain_calls,
        cost_pico_usd = m.cost_pico_usd + d.cost_pico_usd
    FROM (
        SELECT a.scope_id, date_trunc('month', a.day, 'UTC') AS month, sum(a.calls - b.calls) AS calls,
            sum(a.requests - b.requests) AS requests, sum(a.unpriced_calls - b.unpriced_calls) AS unpriced_calls,
            sum(a.uncertain_calls - b.uncertain_calls) AS uncertain_calls, sum(a.cost_pico_usd - b.cost_pico_usd) AS cost_pico_usd
        FROM days_after a JOIN days_before b ON (b.scope_id, b.day) = (a.scope_id, a.day)
        GROUP BY 1, 2
    ) d
    WHERE (m.scope_id, m.month) = (d.scope_id, d.month);
    RETURN NULL;
END $$;

CREATE FUNCTION _genai.empty_months() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    TRUNCATE _genai.budget_month;
    RETURN NULL;
END $$;

CREATE TRIGGER add_days AFTER INSERT ON _genai.budget_day REFERENCING NEW TABLE AS days_after
    FOR EACH STATEMENT EXECUTE FUNCTION _genai.add_days_to_months();
CREATE TRIGGER take_days AFTER DELETE ON _genai.budget_day REFERENCING OLD TABLE AS days_before
    FOR EACH STATEMENT EXECUTE FUNCTION _genai.take_days_from_months();
CREATE TRIGGER change_days AFTER UPDATE ON _genai.budget_day REFERENCING OLD TABLE AS days_before NEW TABLE AS days_after
    FOR EACH STATEMENT EXECUTE FUNCTION _genai.change_days_of_months();
CREATE TRIGGER empty_days AFTER TRUNCATE ON _genai.budget_day
    FOR EACH STATEMENT EXECUTE FUNCTION _genai.empty_months();
