"""A partner of aiortc: sends and receives audio, video and messages with whoever is at the other end of standard input and output.

aiortc_partner.py offer|answer

See ../README.md for what the lines say.
"""

import asyncio
import json
import sys

import av
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import AudioStreamTrack, MediaStreamError, VideoStreamTrack
from aiortc.sdp import candidate_from_sdp


class MovingPicture(VideoStreamTrack):
    """Grey that changes, so that frames have something to say."""

    def __init__(self):
        super().__init__()
        self.number = 0

    async def recv(self):
        timestamp, time_base = await self.next_timestamp()
        frame = av.VideoFrame(width=320, height=240, format="yuv420p")
        for plane in frame.planes:
            plane.update(bytes([(self.number * 3) % 256]) * plane.buffer_size)
        frame.pts, frame.time_base = timestamp, time_base
        self.number += 1
        return frame


def say(kind, **rest):
    print(json.dumps({"type": kind, **rest}), flush=True)


async def lines():
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


class Partner:
    def __init__(self):
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self.counts = {"video": 0, "audio": 0, "messages": 0}
        self.tasks = set()
        self.connection.on("track", self.on_track)
        self.connection.on("datachannel", self.on_channel)
        self.connection.on("connectionstatechange", self.on_state)

    def on_state(self):
        say("state", state=self.connection.connectionState)

    def on_track(self, track):
        task = asyncio.ensure_future(self.count(track))
        self.tasks.add(task)

    async def count(self, track):
        # What `recv` returns has been decoded.
        while True:
            try:
                await track.recv()
            except MediaStreamError:
                return
            self.counts[track.kind] += 1

    def on_channel(self, channel):
        @channel.on("message")
        def on_message(message):
            self.counts["messages"] += 1
            channel.send(message)

    def send_media(self):
        self.connection.addTrack(AudioStreamTrack())
        self.connection.addTrack(MovingPicture())

    async def offer(self):
        self.send_media()
        channel = self.connection.createDataChannel("partner")

        @channel.on("open")
        def on_open():
            channel.send("hello")

        @channel.on("message")
        def on_message(_):
            self.counts["messages"] += 1

        await self.connection.setLocalDescription(await self.connection.createOffer())
        self.tell_description()

    def tell_description(self):
        description = self.connection.localDescription
        say(description.type, sdp=description.sdp)

    async def handle(self, line):
        if line["type"] in ("offer", "answer"):
            await self.connection.setRemoteDescription(RTCSessionDescription(line["sdp"], line["type"]))
            if line["type"] == "offer":
                self.send_media()
                await self.connection.setLocalDescription(await self.connection.createAnswer())
                self.tell_description()
        elif line["type"] == "candidate":
            await self.add_candidate(line)

    async def add_candidate(self, line):
        text = line["candidate"].removeprefix("candidate:")
        if not text:
            return
        candidate = candidate_from_sdp(text)
        candidate.sdpMid, candidate.sdpMLineIndex = line.get("sdpMid"), line.get("sdpMLineIndex")
        await self.connection.addIceCandidate(candidate)

    async def report(self):
        while True:
            await asyncio.sleep(0.5)
            say("counts", **self.counts)


async def main(role):
    partner = Partner()
    if role == "offer":
        await partner.offer()
    reporting = asyncio.ensure_future(partner.report())
    async for line in lines():
        if line["type"] == "stop":
            break
        await partner.handle(line)
    reporting.cancel()
    await partner.connection.close()


asyncio.run(main(sys.argv[1]))
