#!/bin/sh
# Print the first Python on the PATH that can make the environment: 3.11 or newer, with the venv
# module and the pip that goes with it. $PYTHON, where it is set, is the only candidate.
# Otherwise explain on stderr what is missing, and exit with 1.

old="" bare=""
for name in ${PYTHON:-python3.11 python3.12 python3.13 python3.14 python3 python}; do
    # A candidate is asked, not trusted by its name: version managers leave names that do not run.
    version=$("$name" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) || continue
    if ! "$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
        old="$old $name ($version)"
    elif ! "$name" -c 'import ensurepip, venv' 2>/dev/null; then
        bare="$bare $name ($version)"
    else
        command -v "$name"
        exit 0
    fi
done

{
    if [ -n "$bare" ]; then
        echo "Found$bare, but without the venv module that makes environments."
        echo "On Debian and Ubuntu install it with: apt-get install python3-venv"
    else
        echo "No Python 3.11 or newer was found${PYTHON:+ under PYTHON=$PYTHON}.${old:+ Too old:$old.}"
        echo "Install one, or name it: make PYTHON=/path/to/python3.11 ..."
    fi
} >&2
exit 1
