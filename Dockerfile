# One image for servers and generator; docker-compose.yml says what each container runs.
# The first stage has a compiler, for platforms where a dependency has no wheel.
FROM python:3.12 AS packages
COPY requirements.lock .
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.12-slim
ENV PATH=/opt/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY servers servers
COPY loadtests loadtests
USER 10001:10001
EXPOSE 8080
# Seldom, as each check starts an interpreter on the cores being measured.
HEALTHCHECK --interval=15s --timeout=3s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=2)"]
