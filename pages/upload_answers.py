"""No upload is forgotten because the page runs again at the same moment.

A browser asks Streamlit where to send a file before it sends it. Streamlit drops what waits to be
sent whenever a page starts to run (``ForwardMsgQueue.clear``), the answer to that question too; the
browser then waits for it without end, and neither the file nor an error is ever seen. Pages here
run again by themselves while a photo is analysed and others are added, so the answers are kept.
"""

from __future__ import annotations

from functools import wraps

from streamlit.runtime.forward_msg_queue import ForwardMsgQueue

ANSWER = "file_urls_response"


def keep_upload_answers() -> None:
    """Have this process's Streamlit keep them; a second call changes nothing."""
    clear = ForwardMsgQueue.clear
    if hasattr(clear, "__wrapped__"):
        return

    @wraps(clear)
    def keeping(
        queue: ForwardMsgQueue,
        retain_lifecycle_msgs: bool = False,
        fragment_ids_this_run: list[str] | None = None,
    ) -> None:
        waiting = list(queue._queue) if retain_lifecycle_msgs else []
        clear(queue, retain_lifecycle_msgs, fragment_ids_this_run)
        for message in waiting:
            answer = message.WhichOneof("type") == ANSWER
            if answer and not any(left is message for left in queue._queue):
                queue.enqueue(message)

    ForwardMsgQueue.clear = keeping  # type: ignore[method-assign]
