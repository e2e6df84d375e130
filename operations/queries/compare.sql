-- What changed between two windows: the total first, then segments by size of their change.
SELECT *
FROM genai.compare(
    p_from => %(start)s, p_to => %(end)s, p_baseline => %(baseline)s, p_env => %(environment)s,
    p_data_mode => %(data_mode)s, p_dimension => %(dimension)s, p_endpoint => %(endpoint)s,
    p_prompt_version => %(prompt_version)s, p_user => %(user)s, p_tenant => %(tenant)s, p_model => %(model)s,
    p_provider => %(provider)s, p_service => %(service)s, p_limit => %(limit)s)
