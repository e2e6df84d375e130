-- The vocabularies that a service tells its calls in. Where there are two, late binding looks for calls that both tell.
CREATE TABLE _genai.service_dialect (
    service_name text COLLATE "C" NOT NULL,
    dialect text COLLATE "C" NOT NULL,
    PRIMARY KEY (service_name, dialect)
);
