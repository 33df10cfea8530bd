"""`python -m searchitect.cli` is `searchitect`."""

import sys

from searchitect.cli import main

sys.exit(main())
