"""Options and defaults of servers.

They are those of uvicorn 0.54.0, hypercorn 0.18.0, granian 2.8.9, waitress 3.0.2 and cheroot
11.1.2, read in their sources. Options of no interest stand here to know which take a value.
"""

import math
from collections.abc import Mapping

from toolkit.lint.servers.arguments import Options

UVICORN = Options.of(
    "--host --port --uds --fd --reload-dir --reload-include --reload-exclude --reload-delay "
    "--workers --loop --http --ws --ws-max-size --ws-max-queue --ws-ping-interval "
    "--ws-ping-timeout --ws-per-message-deflate --lifespan --interface --env-file --log-config "
    "--log-level --forwarded-allow-ips --root-path --limit-concurrency --backlog "
    "--limit-max-requests --limit-max-requests-jitter --timeout-keep-alive "
    "--timeout-graceful-shutdown --timeout-worker-healthcheck --ssl-keyfile --ssl-certfile "
    "--ssl-keyfile-password --ssl-version --ssl-cert-reqs --ssl-ca-certs --ssl-ciphers --header "
    "--app-dir --h11-max-incomplete-event-size",
    "--reload --http2 --factory --proxy-headers proxy_headers!=--no-proxy-headers --access-log "
    "--no-access-log --use-colors --no-use-colors --server-header --no-server-header "
    "--date-header --no-date-header --reset-contextvars --version --help",
)
UVICORN_DEFAULTS: Mapping[str, object] = {
    "backlog": 2048,
    "forwarded_allow_ips": "127.0.0.1,::1",
    "host": "127.0.0.1",
    "limit_max_requests": 0,
    "limit_max_requests_jitter": 0,
    "port": 8000,
    "proxy_headers": True,
    "reload": False,
    "timeout_graceful_shutdown": math.inf,
    "timeout_keep_alive": 5,
    "workers": 1,
}
FASTAPI = Options.of(
    "--host --port --workers --root-path --app -e --entrypoint --forwarded-allow-ips --reload-dir",
    "--reload reload!=--no-reload --proxy-headers proxy_headers!=--no-proxy-headers --verbose",
)
HYPERCORN = Options.of(
    "--access-log --access-logfile --access-logformat --backlog bind=-b,--bind --ca-certs "
    "--certfile --cert-reqs --ciphers config=-c,--config --error-log "
    "error_logfile=--error-logfile,--log-file --graceful-timeout --read-timeout --max-requests "
    "--max-requests-jitter group=-g,--group worker_class=-k,--worker-class "
    "keep_alive_timeout=--keep-alive --keyfile --keyfile-password insecure_bind=--insecure-bind "
    "--log-config --log-level pid=-p,--pid quic_bind=--quic-bind --root-path --server-name "
    "--statsd-host --statsd-prefix umask=-m,--umask user=-u,--user --verify-mode "
    "--websocket-ping-interval workers=-w,--workers",
    "use_reloader=--reload daemon=-D,--daemon --debug",
)
HYPERCORN_DEFAULTS: Mapping[str, object] = {
    "backlog": 100,
    "bind": "127.0.0.1:8000",
    "graceful_timeout": 3,
    "keep_alive_timeout": 5,
    "max_requests": 0,
    "max_requests_jitter": 0,
    "use_reloader": False,
    "workers": 1,
}
GRANIAN = Options.of(
    "--host --port --uds --uds-permissions --interface --http --workers --blocking-threads "
    "--blocking-threads-idle-timeout --runtime-threads --runtime-blocking-threads --runtime-mode "
    "--loop --task-impl --backlog --backpressure --http1-buffer-size --http1-header-read-timeout "
    "--http2-initial-connection-window-size --http2-initial-stream-window-size "
    "--http2-keep-alive-interval --http2-keep-alive-timeout --http2-max-concurrent-streams "
    "--http2-max-frame-size --http2-max-headers-size --http2-max-send-buffer-size --log-level "
    "--log-config --access-log-fmt --ssl-certificate --ssl-keyfile --ssl-keyfile-password "
    "--ssl-protocol-min --ssl-ca --ssl-crl --url-path-prefix --respawn-interval "
    "--rss-sample-interval --rss-samples --workers-lifetime --workers-max-rss "
    "--workers-kill-timeout --working-dir --env-files --static-path-route --static-path-mount "
    "--static-path-dir-to-file --static-path-expires --metrics-scrape-interval "
    "--metrics-address --metrics-port --reload-paths --reload-ignore-dirs "
    "--reload-ignore-patterns --reload-ignore-paths --reload-tick --process-name --pid-file",
    "--reload reload!=--no-reload --factory --no-factory --ws --no-ws --access-log "
    "--no-access-log --metrics --no-metrics --log --no-log --http1-keep-alive "
    "http1_keep_alive!=--no-http1-keep-alive --respawn-failed-workers "
    "--no-respawn-failed-workers --http1-pipeline-flush --no-http1-pipeline-flush "
    "--http2-adaptive-window --no-http2-adaptive-window --ssl-client-verify "
    "--no-ssl-client-verify --reload-ignore-worker-failure --no-reload-ignore-worker-failure",
)
GRANIAN_DEFAULTS: Mapping[str, object] = {
    "backlog": 1024,
    "host": "127.0.0.1",
    "port": 8000,
    "reload": False,
    "workers": 1,
    "workers_kill_timeout": math.inf,
}
WAITRESS = Options.of(
    "--host --port --listen --unix-socket --unix-socket-perms --url-scheme --url-prefix --ident "
    "--threads --backlog --recv-bytes --send-bytes --outbuf-overflow --outbuf-high-watermark "
    "--inbuf-overflow --connection-limit --cleanup-interval --channel-timeout "
    "--max-request-header-size --max-request-body-size --asyncore-loop-timeout "
    "--channel-request-lookahead --trusted-proxy --trusted-proxy-count --trusted-proxy-headers "
    "--server-name",
    "--help --call --ipv4 --no-ipv4 --ipv6 --no-ipv6 --log-socket-errors --no-log-socket-errors "
    "--expose-tracebacks --no-expose-tracebacks --asyncore-use-poll --no-asyncore-use-poll "
    "--log-untrusted-proxy-headers --clear-untrusted-proxy-headers "
    "--no-clear-untrusted-proxy-headers --no-log-untrusted-proxy-headers",
)
WAITRESS_DEFAULTS: Mapping[str, object] = {
    "backlog": 1024,
    "channel_timeout": 120,
    "connection_limit": 100,
    "host": "0.0.0.0",  # noqa: S104  what waitress listens on
    "port": 8080,
    "threads": 4,
}
CHEROOT = Options.of(
    "--bind --chdir --server-name --threads --max-threads --timeout --shutdown-timeout "
    "--request-queue-size --accepted-queue-size --accepted-queue-timeout",
    "--help",
)
CHEROOT_DEFAULTS: Mapping[str, object] = {
    "bind": "[::1]:8000",
    "request_queue_size": 5,
    "shutdown_timeout": 5,
    "threads": 10,
    "timeout": 10,
}
