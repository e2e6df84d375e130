-- The environment of the probe's requests (docs/monitoring.md): data mode test, in no bill and in no list of choices.
CREATE FUNCTION genai.is_probe(p_environment text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_environment = 'spanledger-probe'
$$;

-- Whether a provider bills such calls: real and test ones of all environments, but not the probe's, which are made up.
CREATE FUNCTION genai.is_billed(p_environment text, p_data_mode text) RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_data_mode IN ('real', 'test') AND NOT genai.is_probe(p_environment)
$$;
