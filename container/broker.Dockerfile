# The broker: the official NATS image, run without root, with its health in the hands of whoever runs it.
FROM docker.io/library/nats:2.15.1-alpine

# A volume mounted on /data takes over its owner, so that an account without root can write there.
RUN mkdir -m 0700 /data && chown 10001:10001 /data

USER 10001:10001
EXPOSE 4222
# The base image's own entry point is replaced: it is a script, and this is all that it would come to.
ENTRYPOINT ["nats-server"]
CMD ["--config", "/etc/ogent/nats.conf"]
