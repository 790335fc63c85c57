"""Starts the LiteLLM proxy as its command does; what it logs goes to its stdout.

Run by the Python of the virtual environment in which LiteLLM is installed: the command itself names
the folder in which it was made.
"""

import os
import sys

from litellm import run_server

os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
run_server()
