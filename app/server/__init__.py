"""The server side of the labs: set-up of each process, and the addresses beside the pages."""
