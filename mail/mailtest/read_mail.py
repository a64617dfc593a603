"""Reads a mail with Python's own parser and checks its DKIM signatures with dkimpy.

stdin: JSON {"mail": text, "records": {name: text}}; stdout: JSON.
Neither library shares a line with what wrote and signed the mail.
"""
import email
import email.policy
import json
import sys

import dkim

given = json.load(sys.stdin)
raw = given["mail"].encode("ascii")
records = {name.rstrip(".") + ".": text.encode("ascii") for name, text in given["records"].items()}


def lookup(name, timeout=5):
    return records.get(name.decode("ascii") if isinstance(name, bytes) else name)


message = email.message_from_bytes(raw, policy=email.policy.SMTP)
defects = [repr(d) for part in message.walk() for d in part.defects]
defects += [repr(d) for _, value in message.items() for d in value.defects]
signatures = []
for index, value in enumerate(message.get_all("DKIM-Signature", [])):
    try:
        good = dkim.DKIM(raw).verify(idx=index, dnsfunc=lookup)
    except dkim.DKIMException as e:
        good = False
        defects.append(repr(e))
    tags = dict(t.strip().split("=", 1) for t in "".join(value.split()).strip(";").split(";"))
    signatures.append({"good": good, "domain": tags["d"], "selector": tags["s"], "algorithm": tags["a"], "headers": tags["h"]})

json.dump({
    "headers": {name: [str(v) for v in message.get_all(name)] for name in message.keys()},
    "parts": {p.get_content_type(): p.get_content() for p in message.walk() if not p.is_multipart()},
    "type": message.get_content_type(),
    "defects": defects,
    "signatures": signatures,
}, sys.stdout)
