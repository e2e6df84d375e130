-- The undated name of a model: `gpt-4o-mini` of `gpt-4o-mini-2024-07-18`. A call that failed says only which model was
-- asked for, a call that succeeded which one answered: by family they stand together (docs/decisions/0009). The tail that is
-- cut is the one of processor/calls/model_ids.py (`version_of`); a test holds the two alike.
CREATE FUNCTION genai.model_family(p_model text)
RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT coalesce(nullif(regexp_replace(regexp_replace(p_model, '\[\d+[km]\]$', ''),
        '(?:[-@]20\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])'
        '|[-@]20\d\d-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])'
        '|-2[3-9](?:0[1-9]|1[0-2])'
        '|-(?:0[1-9]|1[0-2])-?(?:0[1-9]|[12]\d|3[01])'
        '|-preview-(?:0[1-9]|1[0-2])-(?:20\d\d|0[1-9]|[12]\d|3[01])'
        '|-00\d|-v\d{1,2}(?::\d{1,2})?|:0|[-@](?:latest|default))+$', ''), ''), p_model)
$$;
