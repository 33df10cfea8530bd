"""`python -m searchitect` is `searchitect`."""

import sys

from searchitect.cli import main

sys.exit(main())
