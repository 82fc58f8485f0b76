# shellcheck shell=sh
# Sourced by the scripts beside it: makes sure that .venv at the project root holds what requirements/dev.txt locks and
# the project itself, editable. Leaves TOOLKIT_ROOT and TOOLKIT_BIN (the folder of the installed commands).
#
# TOOLKIT_PYTHON names the Python to use (default: the first of python3, python3.14 .. python3.11 that is 3.11 or newer).
set -eu

TOOLKIT_ROOT=$(dirname "$(dirname "$(readlink -f "$0")")")
TOOLKIT_BIN=$TOOLKIT_ROOT/.venv/bin
_stamp=$TOOLKIT_ROOT/.venv/toolkit-stamp

_say() { printf '%s\n' "$*" >&2; }

# What an environment cannot outlive: its scripts name its folder, its packages are for one version of Python.
_base() { printf '%s %s' "$("${TOOLKIT_PYTHON:-$TOOLKIT_BIN/python}" -V 2>&1)" "$TOOLKIT_ROOT"; }

_inputs() { cat "$TOOLKIT_ROOT/pyproject.toml" "$TOOLKIT_ROOT/requirements/dev.txt" | cksum; }

_current() {
    [ -f "$_stamp" ] && [ -x "$TOOLKIT_BIN/python" ] &&
        [ "$(cat "$_stamp")" = "$(_base)
$(_inputs)" ]
}

# Prints the Python to use, or says why there is none.
_find_python() {
    _tried=
    if [ -n "${TOOLKIT_PYTHON-}" ]; then
        set -- "$TOOLKIT_PYTHON"
    else
        set -- python3 python3.14 python3.13 python3.12 python3.11
    fi
    for _python; do
        # A version manager may have a command for a version that is not installed: only running it tells.
        _version=$("$_python" -V 2>/dev/null) || continue
        if "$_python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            printf '%s' "$_python"
            return
        fi
        _tried="${_tried:+$_tried, }$_python is $_version"
    done
    _say "toolkit needs Python 3.11 or newer, and ${_tried:-there is no $*}; install one, or set TOOLKIT_PYTHON to its path"
    return 3
}

# One installation step: silent when it works, the end of its output and a hint when it does not.
_step() {
    "$@" >"$_log" 2>&1 && return
    tail -n 20 "$_log" >&2
    _say "Could not set up .venv: '$*' failed, see above. If the package index is out of reach, check PIP_INDEX_URL or UV_INDEX_URL, the proxy, PIP_CERT or SSL_CERT_FILE."
    exit 3
}

_install() {
    _log=$(mktemp)
    trap 'rm -f "$_log"' EXIT
    trap 'exit 129' HUP
    trap 'exit 130' INT
    trap 'exit 143' TERM

    _python=$(_find_python)
    cd "$TOOLKIT_ROOT"
    _venv=.venv/bin/python
    # Without a stamp for this base it is another one's environment, or half of one.
    if [ -f "$_stamp" ] && [ "$(head -n 1 "$_stamp")" = "$(_base)" ]; then
        _say "Updating the environment in .venv ..."
        rm "$_stamp"
    else
        _say "Creating the environment in .venv (once) ..."
        rm -rf .venv
        _new=yes
    fi

    # Build isolation would fetch an unlocked build backend; the locked one is in the environment by then.
    if command -v uv >/dev/null 2>&1; then
        [ -z "${_new-}" ] || _step uv venv --quiet --no-project --python "$(command -v "$_python")" .venv
        _step uv pip install --quiet --python "$_venv" --require-hashes -r requirements/dev.txt
        _step uv pip install --quiet --python "$_venv" --no-deps --no-build-isolation --editable .
    else
        [ -z "${_new-}" ] || _step "$_python" -m venv .venv
        set -- "$_venv" -m pip install --quiet --disable-pip-version-check
        _step "$@" --require-hashes -r requirements/dev.txt
        _step "$@" --no-deps --no-build-isolation --editable .
    fi
    _stamp_text="$(TOOLKIT_PYTHON='' _base)
$(_inputs)"
    printf '%s\n' "$_stamp_text" >"$_stamp"
}

if ! _current; then
    # Two starts at once must not install into one folder. The lock is on this very file, so nothing is left behind, and
    # it ends with the last process that holds it, however that ends. Python takes it because it is needed anyway, while
    # flock(1) is not everywhere; the lock belongs to the open file that both share and outlives the one that took it.
    (
        _python=$(_find_python)
        exec 9<"$TOOLKIT_ROOT/scripts/environment.sh"
        "$_python" -c '
import fcntl, sys
try:
    fcntl.flock(0, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    print("Waiting for another start that is setting up .venv ...", file=sys.stderr)
    fcntl.flock(0, fcntl.LOCK_EX)
' <&9
        _current || _install
    )
fi
