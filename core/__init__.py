"""Wall analysis: a photo goes in; holds, their colours and the problems they form come out.

Nothing in this package imports streamlit, and nothing in it imports torch.
"""

import os

# ONNX Runtime since 1.31 else keeps a record of the machine and of what it runs in the user's cache
# folder and tries to send it to its maker. It asks when it is imported, wherever that is.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
