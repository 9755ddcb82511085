#!/usr/bin/env bash
# Sourced by every script of this MMAR: who we are, and which Python trains. The only script
# here that you are expected to edit.

# The MMAR is the folder above this script's, so a copy of the MMAR refers to itself.
MMAR_ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
export MMAR_ROOT

# Your own Python (a component with a "path" in the config) lies in custom/.
export PYTHONPATH="${PYTHONPATH:+$PYTHONPATH:}$MMAR_ROOT/custom"

# The Python that has mmar-automl. A search sets MMAR_AUTOML_PYTHON; by hand it is the one on
# PATH, that of a mmar-automl on PATH, or a .venv beside or above the MMAR.
if [ -z "${MMAR_AUTOML_PYTHON:-}" ]; then
    MMAR_AUTOML_PYTHON=python3
    mmar_automl_program="$(command -v mmar-automl || true)"
    for candidate in \
        "$(command -v python3 || true)" \
        "${mmar_automl_program:+$(sed -n '1s/^#!//p' "$mmar_automl_program")}" \
        "$MMAR_ROOT/.venv/bin/python" \
        "$MMAR_ROOT/../.venv/bin/python"; do
        # From /, so that a folder named mmar_automl in the working directory does not count.
        if [ -x "$candidate" ] && (cd / && "$candidate" -c \
            'import importlib.util as u; raise SystemExit(u.find_spec("mmar_automl") is None)') \
            2>/dev/null; then
            MMAR_AUTOML_PYTHON="$candidate"
            break
        fi
    done
    unset candidate mmar_automl_program
fi
export MMAR_AUTOML_PYTHON
