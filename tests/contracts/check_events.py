#!/usr/bin/env python3
"""Check anomaly events against what is published in deploy/schemas, and against the rules that a schema cannot say.

usage: check_events.py FORMAT FILE.jsonl

FORMAT is one of
  canonical    our JSON Schema (2020-12), plus the rules of the contract that a schema cannot say: ids and keys, order of
               times, calibration, and, over the messages of one episode in the file, what may change and what may not
  cloudevents  one {"key","headers","value"} object a line: the official Python SDK reads it through its Kafka binding

One JSON document a line. Prints a line per failing document and ends with 'N passed, M failed'; exit 1 if any failed or
the file is empty. Needs requirements.txt.
"""
import ipaddress
import json
import math
import os
import re
import sys
import uuid
from datetime import datetime
from hashlib import sha256

SCHEMA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../deploy/schemas/anomaly-event.schema.json")
SCHEMA_ID = "urn:eddyline:schema:anomaly-event:1"
NAMESPACE = uuid.uuid5(uuid.NAMESPACE_URL, SCHEMA_ID)
HASHED = "hmac-sha256:"
RANK = {"info": 0, "warning": 1, "error": 2, "critical": 3}


# ---- keys, ids, times: the reference that the program is compared with ----------------------------------------------


def key_part(text, limit):
    """One part of a key: printable ASCII without separators, at most `limit` long, '-' if there is nothing."""
    if not text: return "-"
    if text == "-": return "%2D"
    raw = text.encode("utf-8")
    out = "".join(chr(b) if re.fullmatch(r"[A-Za-z0-9._-]", chr(b)) else f"%{b:02X}" for b in raw)
    if len(out) <= limit: return out
    return re.sub(r"%[0-9A-F]?$", "", out[: limit - 17]) + "~" + sha256(raw).hexdigest()[:16]


def domain(tenant, environment):
    """The scope in which episodes are grouped: [<tenant>/]<environment>."""
    return (key_part(tenant, 48) + "/" if tenant else "") + key_part(environment, 32)


def episode_id(dedup_key, trigger_time): return str(uuid.uuid5(NAMESPACE, f"{dedup_key} {trigger_time}"))
def event_id(episode, sequence): return str(uuid.uuid5(uuid.UUID(episode), str(sequence)))
def ms(timestamp): return int(datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp() * 1000 + 0.5)


# ---- canonical ------------------------------------------------------------------------------------------------------


def errors_of(validator, doc):
    def short(t): return t if len(t) <= 200 else t[:60] + " … " + t[-140:]
    return [f"{'/'.join(map(str, e.absolute_path))}: {short(e.message)}" for e in validator.iter_errors(doc)]


def unknown(doc, schema, root, path=""):
    """Properties the schema does not name. Readers ignore them; a producer that writes one owes the schema an entry."""
    if "$ref" in schema: schema = root["$defs"][schema["$ref"].rsplit("/", 1)[1]]
    if isinstance(doc, list) and "items" in schema:
        for i, x in enumerate(doc): yield from unknown(x, schema["items"], root, f"{path}{i}/")
    elif isinstance(doc, dict) and "properties" in schema:
        for k, v in doc.items():
            if k not in schema["properties"]: yield f"{path}{k}: not in the contract"
            else: yield from unknown(v, schema["properties"][k], root, f"{path}{k}/")


def alone(e):
    """Rules on one message."""
    en, w = e["entity"], e["window"]
    if e["services"][0] != en["service"]: yield "services[0] is not entity.service"
    if e["event_id"] != event_id(e["episode_id"], e["sequence"]): yield "event_id is not UUIDv5(episode_id, sequence)"
    if e["status"] == "trigger" and e["episode_id"] != episode_id(e["dedup_key"], e["time"]):
        yield "episode_id is not UUIDv5('<dedup_key> <time>')"
    scope = domain(en.get("tenant"), en.get("environment"))
    if e["dedup_key"].split(":", 1)[0].rsplit("/", 1)[0] != scope: yield f"dedup_key is not of the domain {scope}"
    if e["group_key"].split(":")[0] != scope: yield f"group_key is not of the domain {scope}"
    for a, b in (("started_at", "time"), ("started_at", "ended_at"), ("ended_at", "time")):
        if a in e and b in e and e[a] > e[b]: yield f"{a} is after {b}"
    if w["start"] > w["end"] or w["end"] > e["time"]: yield "window does not end after its start and before time"
    elif "duration_ms" in w and w["duration_ms"] != ms(w["end"]) - ms(w["start"]):
        yield "window/duration_ms is not end - start"
    if e.get("recurrence", {}).get("last_time", "") >= e["started_at"]: yield "recurrence/last_time is not before started_at"
    if e.get("change", {}).get("time", "") > e["time"]: yield "change/time is after time"
    if e.get("score"): yield from score(e["score"])
    if re.search(r"\bp\s*[=<]\s*[0-9]", e["summary"]): yield "summary holds a p-value"
    if e["kind"] != "digest" and en["service"][:40] not in e["summary"][:130]:
        yield "summary does not say who in its first 130 characters"
    runbook = e.get("owner", {}).get("runbook")
    if runbook and runbook not in [l["href"] for l in e.get("links", [])]: yield "owner/runbook is not among links"
    yield from observables(e.get("observables", []))
    if len(json.dumps(e, ensure_ascii=False).encode()) > 65536: yield "larger than 64 KiB"


def score(sc):
    if abs(sc["surprise_bits"] + math.log2(sc["p_value"])) > 0.01: yield "score/surprise_bits is not -log2(p_value)"
    if sc["calibration"] in ("conformal", "empirical") and sc["p_value"] * (sc["calibration_n"] + 1) < 1 - 1e-9:
        yield "score/p_value is below 1/(calibration_n + 1), which this calibration cannot give"
    if sc["p_value"] > sc.get("threshold_p", 1): yield "score/p_value is above its threshold"


def observables(found):
    for o in found:
        if o["value"].startswith(HASHED):
            if not re.fullmatch(r"[0-9a-f]{32}", o["value"][len(HASHED):]):
                yield "observables: a hashed value is hmac-sha256: and 32 hex digits"
        elif o["type"] == "ip":
            try: ipaddress.ip_address(o["value"])
            except ValueError: yield f"observables: {o['value']!r} is no IP address"
    counts = [o["count"] for o in found]
    if counts != sorted(counts, reverse=True): yield "observables are not ordered by count"


def together(e, episodes):
    """Rules on the messages of one episode, in the order of the file (which may begin in the middle of an episode)."""
    ep = episodes.setdefault(e["episode_id"], {"last": None, "updated": None, "open": True})
    last = ep["last"]
    if last is None:
        if e["status"] == "trigger":
            if any(x["open"] and x["last"] and x["last"]["dedup_key"] == e["dedup_key"] for x in episodes.values()):
                yield "another open episode has this dedup_key"
    else:
        if not ep["open"]: yield "message after the resolve of its episode"
        if e["sequence"] != last["sequence"] + 1: yield f"sequence {e['sequence']} after {last['sequence']}"
        for k in ("dedup_key", "group_key", "owner"):
            if e.get(k) != last.get(k): yield f"{k} is frozen while the episode is open"
        if e["time"] < last["time"]: yield "time goes back"
        if e["started_at"] > last["started_at"]: yield "started_at moves later"
        if RANK[e["severity"]] < RANK[last["severity"]]: yield "severity is lower than in the message before"
        if not set(last["services"]) <= set(e["services"]) and len(e["services"]) < 10:
            yield "a service has left services"
        if e.get("score", {}).get("surprise_bits", 0) + 0.01 < last.get("score", {}).get("surprise_bits", 0):
            yield "score is weaker than in the message before: it carries the strongest so far"
        if e["counts"]["episode_total"] < last["counts"]["episode_total"]: yield "counts/episode_total goes back"
        if e["status"] == "update": yield from update(e, last, ep["updated"])
    if e["status"] == "update": ep["updated"] = e["time"]
    ep["last"], ep["open"] = e, e["status"] != "resolve"


def update(e, last, updated):
    differs = {"severity": e["severity"] != last["severity"], "services": set(e["services"]) != set(last["services"]),
               "kind": e["kind"] != last["kind"], "incident": e.get("recurrence") != last.get("recurrence")}
    if {k for k, v in differs.items() if v} != set(e["changed"]):
        yield f"changed says {e['changed']}, but {[k for k, v in differs.items() if v]} differ"
    if not {"severity", "services", "incident"} & set(e["changed"]):
        yield "an update needs a higher severity, a service that joins or an incident"
    if updated and ms(e["time"]) - ms(updated) < 300_000: yield "less than 5 minutes after the update before"


def canonical():
    from jsonschema import Draft202012Validator, FormatChecker
    with open(SCHEMA, encoding="utf-8") as f: root = json.load(f)
    validator, episodes = Draft202012Validator(root, format_checker=FormatChecker()), {}

    def check(event):
        return errors_of(validator, event) or [*unknown(event, root, root), *alone(event), *together(event, episodes)]
    return check


# ---- CloudEvents ----------------------------------------------------------------------------------------------------


def cloudevents():
    from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
    from cloudevents.core.formats.json import JSONFormat

    def check(record):
        headers = {k: v.encode() for k, v in record["headers"].items()}
        value = json.dumps(record["value"]).encode()
        try: e = from_binary(KafkaMessage(headers=headers, key=record["key"].encode(), value=value), JSONFormat())
        except Exception as problem: return [f"SDK: {type(problem).__name__}: {problem}"]
        event, out = record["value"], []
        if e.get_id() != event["event_id"] or e.get_data() != event: out.append("id or data differ")
        if e.get_type() != "eddyline.anomaly.v1." + event["status"]: out.append(f"type is {e.get_type()}")
        if e.get_dataschema() != SCHEMA_ID: out.append(f"dataschema is {e.get_dataschema()}")
        if record["key"] != event["dedup_key"]: out.append("the key is not dedup_key")
        return out
    return check


FORMATS = {"canonical": canonical, "cloudevents": cloudevents}


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in FORMATS: sys.exit(__doc__)
    check, good, bad = FORMATS[sys.argv[1]](), 0, 0
    with open(sys.argv[2], encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip(): continue
            found = check(json.loads(line))
            if found:
                bad += 1
                print(f"line {number}: " + "; ".join(found[:6]))
            else:
                good += 1
    print(f"{good} passed, {bad} failed")
    sys.exit(1 if bad or not good else 0)


if __name__ == "__main__":
    main()
