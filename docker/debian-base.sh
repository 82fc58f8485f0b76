#!/bin/sh
# Build the base image of docker/Dockerfile from Debian packages, for sites that reach a Debian mirror but no image
# registry. The result stands in for python:3.13-slim: the same Debian, the same minor version of Python.
set -eu

SUITE=trixie
tag=toolkit-base:trixie-python3.13
mirror=
force=no

usage() {
    cat <<USAGE
Usage: base-image [--tag NAME:TAG] [--mirror URL] [--force]

Build a Debian $SUITE image with Python 3.13 from Debian packages, for use as
the build argument BASE_IMAGE of docker/Dockerfile where python:3.13-slim
cannot be pulled. Needs root, debootstrap and a running Docker engine.

  --tag NAME:TAG  name of the image (default: $tag)
  --mirror URL    Debian mirror (default: the one that debootstrap knows)
  --force         build again although the image exists
  --help          show this and exit

The image trusts the certificate authorities that this host trusts:
SSL_CERT_FILE if set, else /etc/ssl/certs/ca-certificates.crt.

Exit status: 0 built or already there, 1 the build failed, 2 wrong usage,
3 something is missing on this machine.
USAGE
}

say() { printf 'base-image: %s\n' "$*" >&2; }
# die STATUS MESSAGE
die() {
    status=$1
    shift
    say "$@"
    exit "$status"
}

while [ $# -gt 0 ]; do
    case $1 in
        --tag | --mirror)
            [ -n "${2-}" ] || die 2 "$1 needs a value, see --help"
            if [ "$1" = --tag ]; then tag=$2; else mirror=$2; fi
            shift
            ;;
        --force) force=yes ;;
        -h | --help)
            usage
            exit 0
            ;;
        *) die 2 "unknown argument '$1', see --help" ;;
    esac
    shift
done

command -v docker >/dev/null 2>&1 ||
    die 3 "docker is not installed; install it (on Debian: apt-get install docker.io)"
docker version >/dev/null 2>&1 ||
    die 3 "no answer from the Docker engine; start it, or check DOCKER_HOST and your permission to use its socket"

if [ "$force" = no ] && docker image inspect "$tag" >/dev/null 2>&1; then
    say "$tag is already there (--force builds it again)"
    exit 0
fi

[ "$(id -u)" -eq 0 ] || die 3 "debootstrap needs root; run this with sudo, keeping SSL_CERT_FILE and the proxy variables"

if ! command -v debootstrap >/dev/null 2>&1; then
    command -v apt-get >/dev/null 2>&1 || die 3 "debootstrap is not installed; install it with your package manager"
    say "installing debootstrap with apt-get"
    # An update that fails for one of many sources still leaves usable lists: the install is what decides.
    apt-get -qq update >/dev/null 2>&1 || true
    DEBIAN_FRONTEND=noninteractive apt-get -qq install --yes --no-install-recommends \
        debootstrap debian-archive-keyring >/dev/null ||
        die 3 "apt-get could not install debootstrap; see its messages above"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
root=$work/root
log=$work/log

in_root() {
    DEBIAN_FRONTEND=noninteractive PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin chroot "$root" "$@"
}

say "installing Debian $SUITE with Python into a temporary folder (a minute or two)"
# netbase and tzdata are in python:3.13-slim as well: /etc/protocols for sockets, time zones for zoneinfo.
# debootstrap mounts /proc and /sys into the folder; in a namespace of its own no interruption can leave them there,
# for rm to walk into.
unshare --mount debootstrap --variant=minbase --include=python3,python3-venv,ca-certificates,netbase,tzdata \
    "$SUITE" "$root" ${mirror:+"$mirror"} >"$log" 2>&1 || {
    tail -n 20 "$log" >&2
    die 1 "debootstrap failed; does this machine reach a Debian mirror (--mirror, http_proxy)?"
}

# debootstrap reads the main archive only. Security updates are in a sibling folder on Debian's own mirrors.
sed -n "s|/debian/* $SUITE main\$|/debian-security $SUITE-security main|p" "$root/etc/apt/sources.list" \
    >"$root/etc/apt/sources.list.d/security.list"
if ! { in_root apt-get -qq update && in_root apt-get -qq --yes upgrade; } >"$log" 2>&1; then
    tail -n 5 "$log" >&2
    say "warning: no security updates from this mirror; the image has the packages of the last point release"
    rm -f "$root/etc/apt/sources.list.d/security.list"
fi

# Official images have Python in /usr/local/bin; scripts that name that path must find it here too.
ln -s /usr/bin/python3 "$root/usr/local/bin/python3"
ln -s python3 "$root/usr/local/bin/python"

# OpenSSL looks certificates up by a hash of their subject, one file each, so a bundle has to be taken apart.
# Only authorities that Debian does not ship are added.
bundle=${SSL_CERT_FILE:-/etc/ssl/certs/ca-certificates.crt}
extra=$root/usr/local/share/ca-certificates/host
if [ -s "$bundle" ]; then
    mkdir -p "$extra"
    awk -v folder="$extra" '
        /-----BEGIN CERTIFICATE-----/ { pem = key = ""; inside = 1 }
        inside {
            pem = pem $0 "\n"
            key = key $0
        }
        /-----END CERTIFICATE-----/ {
            inside = 0
            if (!(key in seen)) {
                seen[key] = 1
                if (FILENAME == ARGV[2]) {
                    file = sprintf("%s/%03d.crt", folder, ++added)
                    printf "%s", pem > file
                    close(file)
                }
            }
        }' "$root/etc/ssl/certs/ca-certificates.crt" "$bundle"
    in_root update-ca-certificates >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        die 1 "update-ca-certificates failed with the authorities in $bundle"
    }
fi

# What an image does not need: package lists, manuals, translations, logs, and traces of this host. Licences stay.
in_root apt-get clean
find "$root/usr/share/doc" -type f ! -name copyright -delete
find "$root/usr/share/doc" -mindepth 1 \( -type l -o -type d -empty \) -delete
rm -rf "$root"/usr/share/man/* "$root"/usr/share/info/* "$root"/usr/share/locale/* "$root"/var/lib/apt/lists/* \
    "$root"/var/cache/debconf/*-old "$root"/var/cache/ldconfig/* "$root"/var/lib/dpkg/*-old "$root"/etc/*- \
    "$root"/etc/hostname "$root"/etc/resolv.conf "$root"/tmp/*
find "$root/var/log" -type f -delete

say "importing it as $tag"
# Through a file, not a pipe: a pipe would hide a failing tar and import half an image.
tar --numeric-owner --one-file-system -C "$root" -cf "$work/image.tar" .
docker import \
    --change 'ENV PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' \
    --change 'CMD ["python3"]' \
    --message "Debian $SUITE with Python, by debian-base.sh" \
    "$work/image.tar" "$tag" >/dev/null || die 1 "docker import failed"
say "built $tag"
