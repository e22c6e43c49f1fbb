"""Pages on this machine, for this machine: FastAPI on 127.0.0.1, plain HTML and JavaScript, nothing fetched from outside."""
