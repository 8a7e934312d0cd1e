"""A receiver of webhooks: verifies each POST, says what changed, and answers before it works on anything.

pip install standardwebhooks
python receiver.py whsec_… [PORT]
"""

import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

SECRET, PORT = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 9000


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        try:
            event = Webhook(SECRET).verify(body, dict(self.headers))
        except WebhookVerificationError:
            self.send_response(401)
        else:
            print(event["type"], self.headers["webhook-id"], event["data"], flush=True)
            self.send_response(204)
        self.end_headers()


if __name__ == "__main__":
    HTTPServer(("127.0.0.1", PORT), Receiver).serve_forever()
