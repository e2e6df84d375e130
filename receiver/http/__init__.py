"""The HTTP side: the server, its application, and limits on connections."""
