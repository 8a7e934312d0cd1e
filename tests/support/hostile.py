"""What somebody writes who wants a page to run it or to lead elsewhere."""

HOSTILE_ADDRESSES = [
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\t//evil.example",
    "/\t/evil.example",
    "/\r\nSet-Cookie: a=b",
    "//evil.example\r\nSet-Cookie: a=b",
    "https:evil.example",
    "https:/evil.example",
    "https:///evil.example",
    "http://evil.example",
    "https://evil.example/https://www.example.org/",
    "https://evil.example?https://www.example.org/",
    "https://evil.example#https://www.example.org/",
    "https://evil.example\\@www.example.org/",
    "https://www.example.org@evil.example/",
    "https://www.example.org:pass@evil.example/",
    "https://www.example.org.evil.example/",
    "https://www.example.org%2eevil.example/",
    "https://www.example.org%00.evil.example/",
    "https://wwwevil.example\u2100org/",
    "javascript:alert(1)",
    "JaVaScRiPt://www.example.org/%0aalert(1)",
    "data:text/html,<script>",
    "mailto:a@evil.example",
    "/\ud800",
    "https://[",
]

SCRIPTS = (
    "<script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</textarea><svg/onload=alert(1)>",
    "</bdi></p></article><form action=//evil.example><button>Approva</button></form>",
    "<!-- <style>*{display:none}</style> <base href=//evil.example/>",
    "{{ 7*7 }}{% for x in y %}<iframe srcdoc='<script>alert(1)</script>'>",
    "\u202e<b onclick=alert(1)>gpj.exe",
)

HOSTILE_PATH = "/?%22%3E%3Cimg/src=x/onerror=alert(1)%3E"

MARKUP = (
    '**forte** *corsivo* `codice` [parole](https://a.example/?x=1&y=2) https://b.example/è?q="a"&z=\'',
    '> citazione\n> su due righe\n\n3. tre\n4. quattro\n\n- a\n  - b\n\n```\n<pre> & "tutto"\n```',
    "testo\n\n    altro codice\n    su due righe",
    "a < b && c > d &amp; &lt;b&gt; &nbsp; &copy; &#60; \u00a0 \u2028",
    "[x](javascript:alert(1)) ![x](https://evil.example/x.png) <https://evil.example/<script>>",
    '[<b>x</b>](https://a.example/"onclick="alert(1)) [y](https://a.example/> "titolo")',
)
