"""Read what others send of metrics and logs in their own forms, as rows of streams. It knows no clock and no server."""
