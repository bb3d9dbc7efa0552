#!/bin/sh
# Prove that requirements-serve.txt alone serves, on a machine without PyTorch and without libGL:
# check_serving_install.sh [FOLDER]
# A fresh environment is made in FOLDER (a temporary one that is removed, where none is named),
# and check_serving.py is run in it.

set -eu
cd "$(dirname "$0")/.."
if [ $# -gt 0 ]; then
    folder=$1
else
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    trap 'exit 130' INT TERM
fi

sh scripts/make_venv.sh "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    -r requirements-serve.txt
"$folder/venv/bin/python" -m pip check
"$folder/venv/bin/python" scripts/check_serving.py "$folder"
