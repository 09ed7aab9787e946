# One image for `psg migrate`, `psg serve` and `psg orchestrate`.
# Every download is checked against the hashes of requirements.lock; the final image has no development tools.
FROM python:3.12-slim AS build

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
WORKDIR /build

COPY requirements.lock ./
RUN python -m pip wheel --quiet --require-hashes --no-deps --requirement requirements.lock --wheel-dir wheels

COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY examples/repo-health.yaml examples/repo-health.yaml
COPY psg psg
COPY cypher cypher
COPY runtime runtime
COPY graphql graphql
# From here on nothing is fetched: the one version of each package in wheels/ is the locked one.
RUN python -m venv /build/tools \
 && /build/tools/bin/pip install --quiet --no-index --find-links wheels hatchling \
 && /build/tools/bin/pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist . \
 && python -m venv /opt/psg \
 && /opt/psg/bin/pip install --quiet --no-index --find-links wheels --find-links dist "psg-platform[server,llm,mcp]" \
 && /opt/psg/bin/pip check

FROM python:3.12-slim

RUN useradd --create-home --uid 10001 psg
COPY --from=build /opt/psg /opt/psg
ENV PATH=/opt/psg/bin:$PATH PYTHONUNBUFFERED=1 PSG_HOME=/home/psg/.psg
USER psg
WORKDIR /home/psg
EXPOSE 8765

# Is the API ready, its database included? Orchestrators answer no requests: their sign of life is their lease.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8765/readyz', timeout=4)"]

ENTRYPOINT ["psg"]
CMD ["--help"]
