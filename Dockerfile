# Not built where the project is tested, which has no Docker: tell us if it needs mending.
#
#     docker build -t nnscratch . && docker run --rm -p 127.0.0.1:8000:8000 nnscratch
#
# The page at http://127.0.0.1:8000/. It writes nothing, so --read-only --tmpfs /tmp may be added.
FROM python:3.12-slim
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY nnscratch nnscratch
RUN pip install --no-cache-dir ".[web]" && useradd --system page
USER page
EXPOSE 8000
HEALTHCHECK CMD python -c "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=5)"
# Exec form: the server itself is told to end (SIGTERM), and does so within 5 of Docker's 10 seconds.
CMD ["nnscratch", "serve", "--host", "0.0.0.0", "--port", "8000"]
