FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY .ci/constraints.txt .ci/
COPY schemas schemas
COPY moderation_service moderation_service
RUN python -m venv /opt/moderation && /opt/moderation/bin/pip install --no-cache-dir --constraint .ci/constraints.txt '.[postgres,push]'

FROM python:3.13-slim
COPY --from=build /opt/moderation /opt/moderation
# By number, so that Kubernetes can see that it is not root; its folder is where a SQLite database would lie.
RUN groupadd --gid 10001 moderation && useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/moderation moderation
USER 10001:10001
WORKDIR /var/lib/moderation
ENV PATH=/opt/moderation/bin:$PATH MODERATION_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=2)"]
CMD ["moderation-service", "serve"]
