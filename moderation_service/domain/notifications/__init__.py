"""What messages may hold, when they may go, and what a mail server's answer means."""
