"""A mail server for tests: keeps every mail that it takes as a file, and says no when it is told to.

smtp_sink.py DIRECTORY PORT [CERTIFICATE KEY starttls|tls [USER PASSWORD]]

Writes the port that it listens on into DIRECTORY/port. A mail becomes DIRECTORY/<number>.eml, with the envelope in its first lines, whole or not at all and
before it is acknowledged. DIRECTORY/answer, when it is there, holds the answer to the end of every mail instead, such as `451 not now`.
"""

import asyncio
import os
import ssl
import sys

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

directory, port = sys.argv[1], int(sys.argv[2])
tls = sys.argv[3:6]
sign_in = sys.argv[6:8]
number = len([name for name in os.listdir(directory) if name.endswith(".eml")])


class Keep:
    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        global number
        try:
            with open(os.path.join(directory, "answer"), encoding="ascii") as answer:
                return answer.read().strip()
        except FileNotFoundError:
            pass
        number += 1
        path = os.path.join(directory, f"{number:06}.eml")
        with open(path + ".new", "wb") as file:
            file.write(f"X-Envelope-From: {envelope.mail_from}\r\n".encode())
            for to in envelope.rcpt_tos:
                file.write(f"X-Envelope-To: {to}\r\n".encode())
            file.write(f"X-Line-Is-Secure: {server.transport.get_extra_info('ssl_object') is not None}\r\n".encode())
            file.write(envelope.original_content)
        os.rename(path + ".new", path)
        return "250 kept"


def is_good(server, session, envelope, mechanism, data) -> AuthResult:
    good = [data.login.decode(), data.password.decode()] == sign_in
    return AuthResult(success=good, handled=good)


async def main() -> None:
    context = None
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls[0], tls[1])
    starttls = context if tls and tls[2] == "starttls" else None
    options = {"authenticator": is_good, "auth_required": True, "auth_require_tls": tls[2] == "starttls"} if sign_in else {}

    def serve() -> SMTP:
        return SMTP(Keep(), hostname="sink.example", tls_context=starttls, require_starttls=starttls is not None, enable_SMTPUTF8=True, **options)

    wrapped = context if tls and tls[2] == "tls" else None
    server = await asyncio.get_running_loop().create_server(serve, "127.0.0.1", port, ssl=wrapped)
    with open(os.path.join(directory, "port.new"), "w", encoding="ascii") as file:
        file.write(str(server.sockets[0].getsockname()[1]))
    os.rename(os.path.join(directory, "port.new"), os.path.join(directory, "port"))
    await server.serve_forever()


asyncio.run(main())
