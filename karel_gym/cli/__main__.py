"""`python -m karel_gym.cli`, the console script."""

import sys

from karel_gym.cli.console import main

sys.exit(main())
