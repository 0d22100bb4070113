#!/usr/bin/env python3
"""Executes a notebook from a clean kernel and says which cell failed.

    target/notebook-venv/bin/python notebooks/execute.py notebooks/01-explore-the-demo.ipynb [--out EXECUTED.ipynb]

Exit code 0: every cell ran. 1: a cell failed or took too long; the cell and its traceback are on standard error.
"""

import argparse
import pathlib
import re
import sys

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def main():
    parser = argparse.ArgumentParser(description="Executes a notebook from a clean kernel.")
    parser.add_argument("notebook", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, help="where to write the notebook with its outputs")
    parser.add_argument("--timeout", type=int, default=480, help="seconds a cell may take")
    arguments = parser.parse_args()
    notebook = nbformat.read(arguments.notebook, as_version=4)
    nbformat.validate(notebook)
    folder = str(arguments.notebook.resolve().parent)
    client = NotebookClient(notebook, timeout=arguments.timeout, kernel_name="python3", resources={"metadata": {"path": folder}})
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        sys.exit(f"{arguments.notebook.name}: {COLOUR.sub('', str(error))}")
    finally:
        if arguments.out:
            nbformat.write(notebook, arguments.out)


if __name__ == "__main__":
    main()
