#!/bin/sh
# Start the dashboard with the memory debugger, from any folder and in a fresh clone.
# The allocator reads its variables once, before Python starts: that is why this is a script.
set -eu

usage() {
    cat <<'TEXT'
Usage: ./run_debug.sh [--show] [--help] [STREAMLIT OPTIONS ...]

Starts the dashboard with the memory debugger on: a live panel in the sidebar and a Memory page.
The environment is the one of `make run`; it is made first where it is missing. Everything else is
passed on to Streamlit:

    ./run_debug.sh --server.port 9000 --server.address 127.0.0.1

  --show   print the variables that would be set, and end
  --help   this text

These variables are set before Python starts, unless they are set already:

  DEBUG_MEMORY=true              the debugger is on
  MALLOC_ARENA_MAX=2             at most two heaps of malloc: threads then retain less
  MALLOC_TRIM_THRESHOLD_=65536   free memory at the end of the heap goes back from 64 KiB on
  OMP_NUM_THREADS                threads for inference: the processors this process may use, at
                                 most 4; MKL_, NUMEXPR_ and OPENBLAS_NUM_THREADS get the same

VENV is the folder of the environment (.venv).
TEXT
}

show=
for argument in "$@"; do
    case "$argument" in
        -h | --help) usage; exit 0 ;;
        --show) show=yes ;;
    esac
done

# The script may be called through a link.
script=$0
while [ -L "$script" ]; do
    link=$(readlink "$script")
    case "$link" in
        /*) script=$link ;;
        *) script=$(dirname "$script")/$link ;;
    esac
done
cd "$(dirname "$script")"

cores=$(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN 2>/dev/null || echo 1)
[ "$cores" -le 4 ] || cores=4

export DEBUG_MEMORY="${DEBUG_MEMORY:-true}"
export MALLOC_ARENA_MAX="${MALLOC_ARENA_MAX:-2}"
export MALLOC_TRIM_THRESHOLD_="${MALLOC_TRIM_THRESHOLD_:-65536}"
export OMP_NUM_THREADS="${OMP_NUM_THREADS:-$cores}"
for name in MKL_NUM_THREADS NUMEXPR_NUM_THREADS OPENBLAS_NUM_THREADS; do
    eval "export $name=\"\${$name:-$OMP_NUM_THREADS}\""
done

if [ -n "$show" ]; then
    for name in DEBUG_MEMORY MALLOC_ARENA_MAX MALLOC_TRIM_THRESHOLD_ OMP_NUM_THREADS \
        MKL_NUM_THREADS NUMEXPR_NUM_THREADS OPENBLAS_NUM_THREADS; do
        eval "echo \"$name=\$$name\""
    done
    exit 0
fi

VENV=${VENV:-.venv}
make --no-print-directory VENV="$VENV" "$VENV/.serve"
exec "$VENV/bin/python" -m streamlit run streamlit_app.py --server.headless true \
    --browser.gatherUsageStats false "$@"
