# The service in one image: `docker build -t spanledger .`
# Without DATABASE_URL or PG* it runs its embedded PostgreSQL in the volume; see docker-compose.yml for TimescaleDB.

FROM python:3.11-slim-trixie AS build
WORKDIR /build
RUN python -m venv /opt/spanledger
ENV PATH=/opt/spanledger/bin:$PATH
COPY requirements.lock .
RUN pip install --no-cache-dir --no-deps --require-hashes --requirement requirements.lock
COPY pyproject.toml README.md LICENSE ./
COPY proto proto
COPY receiver receiver
COPY processor processor
COPY storage storage
COPY operations operations
COPY dashboards dashboards
COPY service service
COPY cli cli
COPY demo demo
COPY docs docs
COPY spanledger.py .
RUN pip install --no-cache-dir --no-deps --no-build-isolation .

FROM python:3.11-slim-trixie
RUN groupadd --gid 10001 spanledger \
 && useradd --uid 10001 --gid spanledger --home-dir /var/lib/spanledger --create-home --shell /usr/sbin/nologin spanledger
COPY --from=build /opt/spanledger /opt/spanledger
ENV PATH=/opt/spanledger/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    SPANLEDGER_DATA_DIR=/var/lib/spanledger \
    SPANLEDGER_RECEIVER__GRPC=0.0.0.0:4317 \
    SPANLEDGER_RECEIVER__HTTP=0.0.0.0:4318 \
    SPANLEDGER_OPS__LISTEN=0.0.0.0:4319
USER spanledger
WORKDIR /var/lib/spanledger
VOLUME /var/lib/spanledger
EXPOSE 4317 4318 4319
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4319/healthz', timeout=4)"]
ENTRYPOINT ["spanledger"]
CMD ["serve"]
