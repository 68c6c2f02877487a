"""A partner of GStreamer's webrtcbin: sends and receives audio, video and messages with whoever is at the other end of standard
input and output.

gstreamer_partner.py offer|answer

See ../README.md for what the lines say.
"""

import hashlib
import json
import re
import ssl
import subprocess
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

VIDEO = (
    "videotestsrc is-live=true pattern=ball ! video/x-raw,width=320,height=240,framerate=20/1 ! videoconvert ! "
    "vp8enc deadline=1 keyframe-max-dist=40 target-bitrate=300000 ! rtpvp8pay pt=96 picture-id-mode=2 ! "
    "capsfilter caps=application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
)
AUDIO = (
    "audiotestsrc is-live=true wave=sine freq=440 ! audioconvert ! audioresample ! opusenc ! rtpopuspay pt=111 ! "
    "capsfilter caps=application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000"
)


def say(kind, **rest):
    print(json.dumps({"type": kind, **rest}), flush=True)


def certificate():
    """A certificate of the kind that browsers have. GStreamer's own is one of RSA, which the DTLS library that we use does not take."""
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", "-"]
    command = ["openssl", "req", "-x509", *key, "-days", "30", "-subj", "/CN=partner", "-out", "-"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def fingerprint(pem):
    """The line of a description that says who will come (RFC 8122)."""
    der = ssl.PEM_cert_to_DER_cert(pem[pem.index("-----BEGIN CERTIFICATE") :].strip())
    return f"a=fingerprint:sha-256 {hashlib.sha256(der).digest().hex(':').upper()}"


class Partner:
    def __init__(self, role):
        self.role = role
        self.counts = {"video": 0, "audio": 0, "messages": 0}
        self.channels = []
        self.loop = GLib.MainLoop()
        self.certificate = certificate()
        self.pipeline = Gst.Pipeline.new()
        self.webrtc = Gst.ElementFactory.make("webrtcbin", "webrtc")
        self.webrtc.set_property("bundle-policy", GstWebRTC.WebRTCBundlePolicy.MAX_BUNDLE)
        self.webrtc.connect("deep-element-added", self.on_element)
        self.pipeline.add(self.webrtc)
        for description in (VIDEO, AUDIO):
            source = Gst.parse_bin_from_description(description, True)
            self.pipeline.add(source)
            source.link(self.webrtc)
        self.webrtc.connect("on-ice-candidate", self.on_candidate)
        self.webrtc.connect("pad-added", self.on_pad)
        self.webrtc.connect("on-data-channel", self.on_channel)
        self.webrtc.connect("notify::connection-state", self.on_state)
        if role == "offer":
            self.webrtc.connect("on-negotiation-needed", self.on_negotiation_needed)

    def on_element(self, _, __, element):
        if element.__gtype__.name == "GstDtlsDec":
            element.set_property("pem", self.certificate)

    def on_state(self, *_):
        say("state", state=self.webrtc.get_property("connection-state").value_nick)

    def on_candidate(self, _, line_index, candidate):
        say("candidate", candidate=candidate, sdpMLineIndex=line_index)

    def on_negotiation_needed(self, _):
        promise = Gst.Promise.new_with_change_func(self.on_created, "offer")
        self.webrtc.emit("create-offer", None, promise)

    def on_created(self, promise, kind):
        promise.wait()
        # The description lies in the reply, and is gone with it.
        reply = promise.get_reply()
        description = reply.get_value(kind)
        text = description.sdp.as_text()
        applied = Gst.Promise.new()
        self.webrtc.emit("set-local-description", description, applied)
        applied.interrupt()
        # It was written before the certificate was changed.
        say(kind, sdp=re.sub("a=fingerprint:[^\r\n]*", fingerprint(self.certificate), text))

    def on_channel(self, _, channel):
        self.channels.append(channel)
        channel.connect("on-message-string", self.on_message, True)

    def on_message(self, channel, text, echoes):
        self.counts["messages"] += 1
        if echoes:
            channel.emit("send-string", text)

    def on_pad(self, _, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decoder = Gst.ElementFactory.make("decodebin")
        decoder.connect("pad-added", self.on_decoded)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad("sink"))

    def on_decoded(self, _, pad):
        # What passes here has been decoded.
        kind = "video" if pad.get_current_caps().to_string().startswith("video") else "audio"
        sink = Gst.ElementFactory.make("fakesink")
        sink.set_property("sync", False)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad("sink"))

        def on_buffer(*_):
            self.counts[kind] += 1
            return Gst.PadProbeReturn.OK

        pad.add_probe(Gst.PadProbeType.BUFFER, on_buffer)

    def handle(self, line):
        if line["type"] in ("offer", "answer"):
            _, message = GstSdp.SDPMessage.new_from_text(line["sdp"])
            kinds = {"offer": GstWebRTC.WebRTCSDPType.OFFER, "answer": GstWebRTC.WebRTCSDPType.ANSWER}
            description = GstWebRTC.WebRTCSessionDescription.new(kinds[line["type"]], message)
            promise = Gst.Promise.new_with_change_func(self.on_remote_set, line["type"])
            self.webrtc.emit("set-remote-description", description, promise)
        elif line["type"] == "candidate" and line["candidate"]:
            self.webrtc.emit("add-ice-candidate", line.get("sdpMLineIndex") or 0, line["candidate"])
        elif line["type"] == "stop":
            self.loop.quit()

    def on_remote_set(self, promise, kind):
        promise.wait()
        if kind == "offer":
            created = Gst.Promise.new_with_change_func(self.on_created, "answer")
            self.webrtc.emit("create-answer", None, created)

    def on_line(self, source, _):
        line = source.readline()
        if not line:
            self.loop.quit()
            return False
        self.handle(json.loads(line))
        return True

    def report(self):
        say("counts", **self.counts)
        return True

    def on_bus(self, _, message):
        if message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            print(f"{error.message}: {debug}", file=sys.stderr, flush=True)
            self.loop.quit()
        return True

    def run(self):
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_bus)
        # A data channel of the offerer must be there before the offer.
        self.pipeline.set_state(Gst.State.READY)
        if self.role == "offer":
            channel = self.webrtc.emit("create-data-channel", "partner", None)
            channel.connect("on-open", lambda channel: channel.emit("send-string", "hello"))
            channel.connect("on-message-string", self.on_message, False)
            self.channels.append(channel)
        self.pipeline.set_state(Gst.State.PLAYING)
        GLib.io_add_watch(sys.stdin, GLib.PRIORITY_DEFAULT, GLib.IO_IN | GLib.IO_HUP, self.on_line)
        GLib.timeout_add(500, self.report)
        self.loop.run()
        self.pipeline.set_state(Gst.State.NULL)


Gst.init(None)
Partner(sys.argv[1]).run()
