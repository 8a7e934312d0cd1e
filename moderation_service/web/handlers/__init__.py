"""What answers the routes: read, call one service, answer."""
