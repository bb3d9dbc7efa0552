#!/bin/sh
# Make the virtual environment FOLDER, or complete one that is there: make_venv.sh FOLDER
# Packages that are installed in it stay, so a PyTorch build of one's own may be put there first.
# A folder of other files is left alone.

set -eu
folder=$1
python=$(sh "$(dirname "$0")/find_python.sh")

if [ -e "$folder" ] && ! "$folder/bin/python" -c 'import sys' 2>/dev/null; then
    if [ -e "$folder/pyvenv.cfg" ]; then
        echo "$folder does not run any more (its Python is gone); it is made again."
        exec "$python" -m venv --clear "$folder"
    fi
    if [ ! -d "$folder" ] || [ -n "$(ls -A "$folder")" ]; then
        echo "$folder is there already and is no environment: name another one with VENV=." >&2
        exit 1
    fi
fi
echo "Environment $folder with $python"
exec "$python" -m venv "$folder"
