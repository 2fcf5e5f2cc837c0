"""Exit 0 if the server in this container is ready, 1 with one line if it isn't."""

import os
import sys
import urllib.request

try:
    urllib.request.urlopen(f"http://127.0.0.1:{os.environ.get('REALNET_PORT', '8420')}/readyz", timeout=4).close()
except OSError as error:  # refused, timed out, or any answer but 2xx
    sys.exit(f"not ready: {error}")
