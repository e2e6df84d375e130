-- The entry of the file that a budget was made from, where one entry stands for a budget of each value; NULL elsewhere.
ALTER TABLE _genai.budget ADD COLUMN template text COLLATE "C";
CREATE INDEX budget_template ON _genai.budget (template) WHERE template IS NOT NULL;
