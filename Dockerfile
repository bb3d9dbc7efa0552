# ClimbMate for a small server: dashboard, REST and metrics in one process, port 8501.
#
#     docker build -t climbmate .
#
# docs/deploy.md says how to run it. scripts/prove_dockerfile.py does these steps without Docker.

FROM python:3.11.14-slim-bookworm

LABEL org.opencontainers.image.title="ClimbMate" \
      org.opencontainers.image.licenses="AGPL-3.0-only"

# glibc keeps an arena per thread and gives little of it back; two arenas are enough for two cores.
# Temporary files (uploads over 1 MiB) go to the volume: in a tmpfs they would count as memory.
ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    MALLOC_ARENA_MAX=2 \
    OMP_NUM_THREADS=2 \
    MKL_NUM_THREADS=2 \
    NUMEXPR_NUM_THREADS=2 \
    CLIMBMATE_CACHE_DIR=/cache \
    HOME=/cache \
    TMPDIR=/cache \
    HOST=0.0.0.0 \
    PORT=8501

WORKDIR /app

# Wheels alone, so that no compiler is needed; and what installs is not left behind.
COPY requirements-serve.txt constraints.txt ./
RUN python -m pip install --no-cache-dir --only-binary=:all: --disable-pip-version-check \
        -r requirements-serve.txt && \
    python -m pip uninstall --yes --root-user-action=ignore pip setuptools wheel

COPY . ./
RUN python -m compileall -q /app && \
    install -d -o 10001 -g 10001 /cache

USER 10001:10001
VOLUME /cache
EXPOSE 8501
STOPSIGNAL SIGTERM

HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-c", "import os, urllib.request; urllib.request.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/api/health', timeout=4)"]

CMD ["python", "server.py"]
