-- The series of the probe, which every fold looks for: one or a few.
CREATE INDEX series_probe ON _genai.series (id) WHERE environment = 'spanledger-probe';
