FROM python:3.13-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY moderation_service moderation_service
RUN python -m venv /opt/moderation && /opt/moderation/bin/pip install --no-cache-dir '.[postgres]'

FROM python:3.13-slim
COPY --from=build /opt/moderation /opt/moderation
RUN useradd --system --create-home --home-dir /var/lib/moderation moderation
USER moderation
WORKDIR /var/lib/moderation
ENV PATH=/opt/moderation/bin:$PATH MODERATION_LISTEN=0.0.0.0:8080
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/health/ready', timeout=2)"]
CMD ["moderation-service", "serve"]
