# Ogent's own parts, one target each: gateway, analyst, registrar, agent, cli.
#   docker build -f container/ogent.Dockerfile --target agent -t ogent/agent .

FROM docker.io/library/rust:1-bookworm AS build
WORKDIR /src
COPY . .
# The caches outlive the layer; what is wanted of the target folder is therefore copied out of it.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/src/target \
    cargo build --release --locked -p ogent -p ogent-gateway -p ogent-analyst -p ogent-registrar -p ogent-agent \
    && install -D -t /out target/release/ogent target/release/ogent-gateway target/release/ogent-analyst \
        target/release/ogent-registrar target/release/ogent-agent

FROM docker.io/library/debian:bookworm-slim AS base
# Roots of trust, for a broker that speaks TLS.
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 ogent \
    && useradd --uid 10001 --gid 10001 --home-dir /var/lib/ogent --shell /bin/sh ogent \
    && install -d -o ogent -g ogent -m 0700 /var/lib/ogent
USER 10001:10001
WORKDIR /var/lib/ogent

FROM base AS gateway
COPY --from=build /out/ogent-gateway /usr/local/bin/
EXPOSE 8001
ENTRYPOINT ["ogent-gateway"]

FROM base AS analyst
COPY --from=build /out/ogent-analyst /usr/local/bin/
ENTRYPOINT ["ogent-analyst"]

FROM base AS registrar
COPY --from=build /out/ogent-registrar /usr/local/bin/
ENTRYPOINT ["ogent-registrar"]

FROM base AS agent
COPY --from=build /out/ogent-agent /usr/local/bin/
ENTRYPOINT ["ogent-agent"]

FROM base AS cli
COPY --from=build /out/ogent /usr/local/bin/
COPY container/make-credentials /usr/local/bin/
USER root
# Volumes mounted on these take over their owner.
RUN install -d -o ogent -g ogent -m 0700 \
    /credentials /credentials/broker /credentials/setup /credentials/gateway /credentials/analyst /credentials/registrar /credentials/agent \
    /credentials/operator
USER 10001:10001
ENTRYPOINT ["ogent"]
