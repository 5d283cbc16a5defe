#!/bin/sh
# Installs what the tests of the clients in docs/clients need: packages of npm beside the client, and those of
# PyPI in an environment outside the tree. Prints the Python of that environment.
set -eu
cd "$(dirname "$0")/../.."

environment=${PEERAGE_CLIENTS_ENV:-$HOME/.cache/peerage-clients}
if ! [ -x "$environment/bin/python" ]; then
    python3 -m venv "$environment" >&2
fi
"$environment/bin/python" -m pip install --quiet --disable-pip-version-check 'httpx>=0.28,<1' 'mypy>=1.18' >&2
(cd docs/clients/typescript && npm ci --silent --no-audit --no-fund >&2)
echo "$environment/bin/python"
