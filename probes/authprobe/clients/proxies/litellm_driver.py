"""Program that starts the LiteLLM proxy as its command does, with its log on stdout.

The Python of LiteLLM's virtual environment executes this file, as the installed command has the
path of the staging directory in its first line.
"""

import os
import sys

from litellm import run_server

os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
run_server()
